import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, makeFolder } from './registry.ts'
import { spawnRegistry } from './spawned.ts'

/** Files of the process may grow to this many bytes; null: as they like. */
function limitFiles(pid: number, bytes: number | null): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes ?? 'unlimited'}:unlimited`])
}

function skipWithoutPrlimit(): string | false {
  try {
    execFileSync('prlimit', ['--version'])
    return false
  } catch {
    return 'there is no prlimit to make a disk full with'
  }
}

test(
  'while the disk is full writes are refused and undone, reads go on, and it recovers',
  { skip: skipWithoutPrlimit() },
  async (context) => {
    const data = makeFolder(context)
    const registry = await spawnRegistry(context, data)
    const put = (key: string, body: string) => call(`${registry.url}/v1/kv/${key}`, 'PUT', body)
    const value = async (key: string): Promise<string> => (await call(`${registry.url}/v1/kv/${key}?raw`, 'GET')).text
    const acknowledged = new Map<string, string>()
    const write = async (key: string, body: string): Promise<number> => {
      const { status, text } = await put(key, body)
      if (status === 200) acknowledged.set(key, body)
      else assert.match(text, /^the write could not be stored: /)
      return status
    }
    await write('a', 'before')
    const session = (await call(`${registry.url}/v1/session/create`, 'PUT', { LockDelay: '0s' })).json<{ ID: string }>().ID
    await call(`${registry.url}/v1/kv/lock?acquire=${session}`, 'PUT', 'held')
    limitFiles(registry.pid, statSync(join(data, 'registry.db-wal')).size + 200_000)

    let refused = 0
    for (let n = 0; n < 40; n++) if ((await write(`big/${n % 5}`, `${n} `.repeat(20_000))) === 500) refused++
    assert.ok(refused > 10, `${refused} writes were refused`)
    limitFiles(registry.pid, 4096)
    const index = (await call(`${registry.url}/v1/kv/?keys`, 'GET')).index
    for (const path of [
      `session/destroy/${session}`,
      `kv/lock?release=${session}`,
      'agent/maintenance?enable=true',
      'session/create',
    ])
      assert.equal((await call(`${registry.url}/v1/${path}`, 'PUT')).status, 500, path)
    assert.match((await call(`${registry.url}/v1/session/list`, 'GET')).text, new RegExp(session))
    assert.match((await call(`${registry.url}/v1/kv/lock`, 'GET')).text, new RegExp(`"Value":"aGVsZA==","Session":"${session}"`))
    assert.equal((await call(`${registry.url}/v1/agent/checks`, 'GET')).text, '{}')
    for (const [key, wanted] of acknowledged) assert.equal(await value(key), wanted, key)
    assert.ok((await call(`${registry.url}/v1/kv/?keys`, 'GET')).index >= index)

    limitFiles(registry.pid, null)
    assert.equal(await write('a', 'after'), 200)
    for (let n = 0; n < 20; n++) assert.equal(await write(`more/${n}`, 'y'.repeat(10_000)), 200)
    assert.equal((await call(`${registry.url}/v1/session/destroy/${session}`, 'PUT')).status, 200)
    await registry.kill()
    await registry.start()
    for (const [key, wanted] of acknowledged) assert.equal(await value(key), wanted, key)
  },
)
