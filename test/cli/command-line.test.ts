import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { runMeshgate } from '../support/meshgate-process.ts'
import { commandNames, meshgate, optionsIn } from './captured.ts'

const names = await commandNames()
const docs = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8')

describe('the list of commands', () => {
  it('is what one gets without a command, with --help, -h and help', async () => {
    const { code, out } = await meshgate('--help')
    assert.equal(code, 0)
    assert.match(out, /usage: meshgate COMMAND/)
    assert.ok(names.length >= 8 && names.includes('run'))
    for (const args of [[], ['-h'], ['help']]) assert.deepEqual(await meshgate(...args), { code: 0, out, err: '' })
  })

  it('has what the documentation has', () => {
    const documented = [...docs.matchAll(/^\| `([a-z]+)[ `]/gm)].map(([, name]) => name)
    assert.deepEqual(documented.toSorted(), [...names].toSorted())
  })
})

for (const name of names) {
  describe(`meshgate ${name}`, () => {
    it('teaches how to use it: with --help, -h and help', async () => {
      const { code, out, err } = await meshgate(name, '--help')
      assert.deepEqual([code, err], [0, ''])
      assert.match(out, new RegExp(`^usage: meshgate ${name}\\b`))
      assert.ok(out.trim().split('\n').length >= 4, 'it says more than the usage')
      for (const option of optionsIn(out))
        assert.match(out, new RegExp(`^ +--${option}\\b.* {2,}\\S`, 'm'), `--${option} is explained`)
      assert.deepEqual(await meshgate(name, '-h'), { code, out, err })
      assert.deepEqual(await meshgate('help', name), { code, out, err })
    })

    it('is documented with its options', async () => {
      const { out } = await meshgate(name, '--help')
      const row = docs.split('\n').find((line) => line.startsWith(`| \`${name}`)) ?? ''
      assert.deepEqual(optionsIn(row.split(' | ')[0] ?? ''), optionsIn(out))
    })

    it('refuses an option that it does not have, with exit code 2', async () => {
      const { code, out, err } = await meshgate(name, '--nonsense')
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, /^meshgate: .*--nonsense/)
      assert.match(err, /--help/)
    })
  })
}

describe('a wrong command line', () => {
  it('with an unknown command gets a suggestion, and exit code 2', async () => {
    const { code, out, err } = await meshgate('chek', 'gateway.yaml')
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /there is no command "chek"; did you mean "check"\?/)
  })

  it('with the config as an argument of run gets the option to write', async () => {
    const { code, out, err } = await meshgate('run', 'nope.yaml')
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /write --config nope\.yaml\n/)
  })

  it('with a command that is like no other gets the list', async () => {
    const { code, err } = await meshgate('zzzzzz')
    assert.equal(code, 2)
    for (const name of names) assert.match(err, new RegExp(`\\b${name}\\b`))
  })

  it('asks for help on an unknown command in vain', async () => {
    assert.equal((await meshgate('help', 'nothing')).code, 2)
  })

  for (const args of [
    ['ready', '--admin', 'nowhere'],
    ['routes', '--admin', '127.0.0.1:99999'],
    ['registry', '--http', '8500'],
    ['run', '--config'],
    ['tasks', 'nightly', 'extra'],
    ['tasks', 'run', 'nightly', 'extra'],
    ['tasks', 'run', 'nightly', '--deadline', '5'],
    ['upstreams', '--json=yes'],
  ]) {
    it(`${args.join(' ')} ends with exit code 2 and says why`, async () => {
      const { code, out, err } = await meshgate(...args)
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, /^meshgate: \S/)
    })
  }

  it('that names a config file which is not there ends with exit code 1', async () => {
    const { code, err } = await meshgate('run', '--config', '/nonexistent/gateway.yaml')
    assert.equal(code, 1)
    assert.match(err, /\/nonexistent\/gateway\.yaml: does not exist: check the path/)
  })
})

describe('the version', () => {
  it('is the one of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    for (const option of ['--version', '-v']) assert.deepEqual(await meshgate(option), { code: 0, out: `${version}\n`, err: '' })
    assert.deepEqual(await runMeshgate(['--version']), { code: 0, output: `${version}\n` })
  })
})
