import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runProgram } from '../src/program.ts'
import { until } from './support/until.ts'

describe('a program that is to be killed', () => {
  it('and runs as another user, whom we may not kill, takes nothing down with it', { timeout: 20_000 }, async (t) => {
    const { end, ended } = start('exec sleep 600')
    const killed: number[] = []
    const { mock } = t.mock.method(process, 'kill', (pid: number) => {
      killed.push(pid)
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
    })
    end.abort()
    mock.restore()
    const [group = 0] = killed
    assert.ok(group < -1)
    process.kill(group, 'SIGKILL')
    assert.equal((await ended).exitCode, null)
  })

  it('has ended though a daemon that it has started holds its output open', { timeout: 20_000 }, async () => {
    const file = join(tmpdir(), `meshgate-daemon-${process.pid}`)
    const { end, ended } = start(
      `echo first; setsid sh -c 'echo $$ > ${file}; exec sleep 600' & while [ ! -s ${file} ]; do :; done; exit 3`,
    )
    const daemon = Number(await until('the daemon runs', () => readFile(file, 'utf8').catch(() => '')))
    try {
      end.abort()
      const { output } = await ended
      assert.equal(output.toString(), 'first\n')
    } finally {
      process.kill(daemon, 'SIGKILL')
      await rm(file, { force: true })
    }
  })
})

function start(script: string) {
  const end = new AbortController()
  const ended = runProgram({ command: ['/bin/sh', '-c', script], maxOutputBytes: 100, signal: end.signal })
  return { end, ended }
}
