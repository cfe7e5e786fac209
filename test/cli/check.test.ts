import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { checkCommand } from '../../src/cli/check.ts'
import type { Command } from '../../src/cli/command.ts'
import { schemaCommand } from '../../src/cli/schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'meshgate-check-'))
after(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string | Buffer): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

async function run(command: Command, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, isTerminal: false }
  const code = await command.run(args, io)
  return { code, out, err }
}

describe('meshgate check', () => {
  const good = write('good.yaml', 'listeners: { web: { bind: ":8080" } }\nroutes: [/a -> b]\n')
  const bad = write('bad.yaml', 'listeners: { web: { bnd: ":8080" } }\n')

  test('says in one line that a file is good, and exits with 0', async () => {
    assert.deepEqual(await run(checkCommand, good), {
      code: 0,
      out: `${good}: OK, 1 listener, 1 route, 0 upstreams, 0 tasks\n`,
      err: '',
    })
  })

  test('tells problems as file:line:column path: message, and exits with 1', async () => {
    assert.deepEqual(await run(checkCommand, bad), {
      code: 1,
      out: `${bad}:1:19 listeners.web.bind: is missing: write bind: ":8080"\n${bad}:1:21 listeners.web.bnd: unknown key, did you mean "bind"?\n`,
      err: `${bad}: 2 problems\n`,
    })
  })

  test('looks at all files, and one bad file is enough for 1', async () => {
    const { code, out } = await run(checkCommand, bad, good)
    assert.equal(code, 1)
    assert.match(out, /good\.yaml: OK/)
  })

  test('tells warnings, which are no failure', async () => {
    const shadowed = write(
      'shadowed.yaml',
      'listeners: { web: { bind: ":8080" } }\nroutes:\n  - /a/x -> b\n  - { name: a, match: { path: /a/*, priority: 1 }, to: b }\n',
    )
    const { code, out } = await run(checkCommand, shadowed)
    assert.equal(code, 0)
    assert.match(out, /^warning: .*shadowed\.yaml:3:5 routes\[0\]: can never be chosen: route "a" at .*shadowed\.yaml:4:5/)
  })

  test('finds routes that cannot be told apart', async () => {
    const tie = write(
      'tie.yaml',
      'listeners: { web: { bind: ":8080" } }\nroutes: [/a -> b, { name: c, match: { path: /a }, to: d }]\n',
    )
    const { code, out } = await run(checkCommand, tie)
    assert.equal(code, 1)
    assert.match(out, /tie\.yaml:2:19 routes\[1\]: takes the same requests/)
  })

  test('tells what keeps it from reading a file', async () => {
    const { code, out } = await run(
      checkCommand,
      join(folder, 'none.yaml'),
      folder,
      write('latin.yaml', Buffer.from([0x61, 0xff])),
    )
    assert.equal(code, 1)
    assert.match(out, /none\.yaml:1:1 does not exist: check the path\n/)
    assert.match(out, /:1:1 is a folder: name the file in it\n/)
    assert.match(out, /latin\.yaml:1:1 is not UTF-8 text: save it as UTF-8\n/)
  })

  test('gives JSON to programs', async () => {
    const { code, out } = await run(checkCommand, '--json', good, bad)
    assert.equal(code, 1)
    const verdicts = JSON.parse(out) as {
      file: string
      ok: boolean
      problems: { line: number; column: number; path: string }[]
    }[]
    assert.deepEqual(
      verdicts.map(({ file, ok }) => ({ file, ok })),
      [
        { file: good, ok: true },
        { file: bad, ok: false },
      ],
    )
    assert.equal(verdicts[1]?.problems[1]?.path, 'listeners.web.bnd')
  })

  test('refuses to be called without a file or with an unknown option', async () => {
    await assert.rejects(run(checkCommand), { code: 'usage' })
    await assert.rejects(run(checkCommand, '--nonsense', good), { code: 'usage' })
  })
})

describe('meshgate schema', () => {
  test('prints a JSON Schema', async () => {
    const { code, out } = await run(schemaCommand)
    assert.equal(code, 0)
    assert.equal((JSON.parse(out) as { type: string }).type, 'object')
  })

  test('takes no arguments', async () => {
    await assert.rejects(run(schemaCommand, 'x'), { code: 'usage' })
  })
})
