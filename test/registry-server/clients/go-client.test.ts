import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { targets } from '../../conformance/targets.ts'
import { clientFile, clientSkip, runProgram } from './programs.ts'

const program = new URL('./go-client/main.go', import.meta.url)

for (const { name, skip, isConsul, open } of targets.filter((target) => !target.name.endsWith('in memory'))) {
  test(
    `the Go client stores, registers, watches, locks and monitors on ${name}`,
    { skip: clientSkip() || skip },
    async (context) => {
      const target = await open()
      context.after(() => target.close())
      const impatient = isConsul ? [] : ['impatient']
      const { code, stdout, stderr } = await runProgram(clientFile('bin', 'go-client'), [
        `127.0.0.1:${target.port}`,
        ...impatient,
      ])
      assert.equal(code, 0, `${stdout}${stderr}`)
      assert.match(stdout, /\ndone\n$/)
      const seen = stdout.match(/^ok /gm)?.length ?? 0
      assert.equal(seen, isConsul ? 33 : 34, stdout)
    },
  )

  test(`crypt stores, reads and lists values on ${name}`, { skip: clientSkip() || skip }, async (context) => {
    const target = await open()
    context.after(() => target.close())
    const crypt = (command: string, ...args: readonly string[]) =>
      runProgram(clientFile('bin', 'crypt-xordataexchange'), [
        command,
        '-plaintext',
        '-backend=consul',
        `-endpoint=127.0.0.1:${target.port}`,
        ...args,
      ])
    assert.equal((await crypt('set', 'app/config', program.pathname)).code, 0)
    const { code, stdout } = await crypt('get', 'app/config')
    assert.equal(code, 0)
    assert.equal(stdout.trimEnd(), readFileSync(program, 'utf8').trimEnd())
    assert.match((await crypt('list', 'app/')).stdout, /app\/config/)
  })
}
