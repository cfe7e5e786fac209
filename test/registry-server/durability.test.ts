import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { call, makeFolder, openRegistry, type Reply, type TestRegistry } from './registry.ts'
import { endsWithUs } from '../support/ends-with-us.ts'

const script = fileURLToPath(new URL('./serve.ts', import.meta.url))

async function spawnRegistry(context: TestContext, data: string): Promise<{ url: string; kill(): Promise<void> }> {
  const child = endsWithUs(spawn(process.execPath, [script, data], { stdio: ['ignore', 'pipe', 'inherit'] }))
  const exited = once(child, 'exit')
  context.after(() => child.kill('SIGKILL'))
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  return { url: `http://127.0.0.1:${port.toString().trim()}`, kill }
}

test('every acknowledged write survives SIGKILL, and no index is handed out twice', async (context) => {
  const data = makeFolder(context)
  const first = await spawnRegistry(context, data)
  const acknowledged = new Map<string, string>()
  const writer = async (worker: number): Promise<void> => {
    for (let n = 0; ; n++) {
      const [key, value] = [`w${worker}/${n % 50}`, `value ${n}`]
      const reply = await call(`${first.url}/v1/kv/${key}`, 'PUT', value).catch(() => null)
      // The last write may be on disk without having been acknowledged.
      if (reply?.text !== 'true') return void acknowledged.delete(key)
      acknowledged.set(key, value)
    }
  }
  const writers = [0, 1, 2, 3, 4, 5, 6, 7].map(writer)
  await until('200 keys written', () => acknowledged.size >= 200)
  const before = await call(`${first.url}/v1/kv/?keys`, 'GET')
  await first.kill()
  await Promise.all(writers)

  const second = await openRegistry(context, { data })
  for (const [key, value] of acknowledged) assert.equal((await second.get(`/v1/kv/${key}?raw`)).text, value, key)
  const after = await second.get('/v1/kv/?keys')
  assert.ok(after.index >= before.index, `${after.index} is below ${before.index}`)
  await second.put('/v1/kv/fresh', 'x')
  assert.ok((await second.get('/v1/kv/fresh')).index > after.index)
})

test('sessions, locks, services, checks with their status, and tombstones survive a restart', async (context) => {
  const data = makeFolder(context)
  const first = await openRegistry(context, { data })
  const session = (await first.put('/v1/session/create', { TTL: '30s', LockDelay: '0s' })).json<{ ID: string }>().ID
  await first.put(`/v1/kv/lock?acquire=${session}&flags=18446744073709551615`, 'me')
  await first.put('/v1/agent/service/register', { Name: 'web', Port: 80, Check: { CheckID: 'up', TTL: '60s' } })
  await first.put('/v1/agent/check/pass/up?note=fine')
  await first.put('/v1/kv/dir/a', '1')
  await first.put('/v1/kv/dir/b', '2')
  await first.delete('/v1/kv/dir/b')
  const reads = [
    '/v1/kv/lock',
    '/v1/kv/dir/?recurse',
    '/v1/session/list',
    '/v1/health/service/web?passing',
    '/v1/agent/services',
    '/v1/catalog/nodes',
  ]
  const snapshot = (registry: typeof first): Promise<Reply[]> => Promise.all(reads.map((path) => registry.get(path)))
  const before = await snapshot(first)
  await first.server.close()

  const second = await openRegistry(context, { data })
  const after = await snapshot(second)
  assert.deepEqual(
    after.map(({ text, index }) => ({ text, index })),
    before.map(({ text, index }) => ({ text, index })),
  )
  assert.match(after[0]?.text ?? '', /"Flags":18446744073709551615/)
  assert.equal((await second.put('/v1/agent/check/pass/up')).status, 200)
})

test('a sidecar and the proxy it is survive a restart, and it still goes with its service', async (context) => {
  const data = makeFolder(context)
  const first = await openRegistry(context, { data })
  await first.put('/v1/agent/service/register', {
    Name: 'web',
    Port: 80,
    Connect: { SidecarService: { Proxy: { Upstreams: [{ DestinationName: 'db', LocalBindPort: 9191 }] } } },
  })
  await first.put('/v1/agent/service/register', { Name: 'native', Port: 81, Connect: { Native: true } })
  const reads = ['/v1/agent/services', '/v1/catalog/connect/web', '/v1/catalog/connect/native']
  const snapshot = (registry: TestRegistry): Promise<Reply[]> => Promise.all(reads.map((path) => registry.get(path)))
  const before = await snapshot(first)
  assert.match(before[1]?.text ?? '', /"ServicePort":21000.*"DestinationName":"db"/)
  await first.server.close()

  const second = await openRegistry(context, { data })
  const after = await snapshot(second)
  assert.deepEqual(
    after.map(({ text, index }) => ({ text, index })),
    before.map(({ text, index }) => ({ text, index })),
  )
  await second.put('/v1/agent/service/deregister/web')
  assert.deepEqual((await second.get('/v1/catalog/connect/web')).json(), [])
  assert.deepEqual(Object.keys((await second.get('/v1/agent/services')).json<object>()), ['native'])
})

test('what was registered stays registered when the node gets another name', async (context) => {
  const data = makeFolder(context)
  const first = await openRegistry(context, { data })
  await first.put('/v1/agent/service/register', { Name: 'web', Port: 80, Check: { TTL: '60s', Status: 'passing' } })
  await first.server.close()
  const second = await openRegistry(context, { data, node: 'other' })
  const [instance] = (await second.get('/v1/health/service/web?passing')).json<{ Node: { Node: string } }[]>()
  assert.equal(instance?.Node.Node, 'other')
  assert.equal((await second.get('/v1/catalog/nodes')).json<unknown[]>().length, 1)
})

async function openSession(registry: TestRegistry, session: object): Promise<string> {
  return (await registry.put('/v1/session/create', session)).json<{ ID: string }>().ID
}

test('sessions go on after a restart with what was left of their TTL, and get two seconds if that was nothing', async (context) => {
  const data = makeFolder(context)
  const clock = new ManualClock()
  const first = await openRegistry(context, { data, clock })
  const [short, renewed, long, endless] = await Promise.all(['10s', '20s', '60s', ''].map((TTL) => openSession(first, { TTL })))
  await clock.advance(15_000)
  await first.put(`/v1/session/renew/${renewed}`)
  await clock.advance(3_000)
  await first.server.close()
  await clock.advance(10_000)

  const second = await openRegistry(context, { data, clock })
  const alive = async (): Promise<string[]> => (await second.get('/v1/session/list')).json<{ ID: string }[]>().map(({ ID }) => ID)
  // 28 s have passed for the first: it should have lapsed at 20 s. The renewed one lapses at 15 + 40 s, the long one at 120 s.
  assert.deepEqual((await alive()).toSorted(), [short, renewed, long, endless].toSorted())
  await clock.advance(1_999)
  assert.ok((await alive()).includes(short ?? ''))
  await clock.advance(1)
  assert.deepEqual((await alive()).toSorted(), [renewed, long, endless].toSorted())
  await clock.advance(24_999)
  assert.deepEqual((await alive()).toSorted(), [renewed, long, endless].toSorted())
  await clock.advance(1)
  assert.deepEqual((await alive()).toSorted(), [long, endless].toSorted())
  await clock.advance(65_000)
  assert.deepEqual(await alive(), [endless])
})

test('a clock that was set back while the registry was away gives no session more than its full time', async (context) => {
  const data = makeFolder(context)
  const first = await openRegistry(context, { data, clock: new ManualClock() })
  await first.put('/v1/session/create', { TTL: '10s' })
  await first.server.close()
  const clock = new ManualClock(Date.UTC(2020, 0, 1))
  const second = await openRegistry(context, { data, clock })
  await clock.advance(20_000)
  assert.equal((await second.get('/v1/session/list')).text, '[]')
})

test('a lock-delay goes on after a restart', async (context) => {
  const data = makeFolder(context)
  const clock = new ManualClock()
  const first = await openRegistry(context, { data, clock })
  const [holder, kept] = [await openSession(first, { LockDelay: '15s' }), await openSession(first, {})]
  await first.put(`/v1/kv/lock?acquire=${holder}`, 'x')
  await first.put(`/v1/session/destroy/${holder}`)
  await clock.advance(5_000)
  await first.server.close()
  const second = await openRegistry(context, { data, clock })
  const acquire = async (): Promise<string> => (await second.put(`/v1/kv/lock?acquire=${kept}`, 'y')).text
  assert.equal(await acquire(), 'false')
  await clock.advance(9_999)
  assert.equal(await acquire(), 'false')
  await clock.advance(1)
  assert.equal(await acquire(), 'true')
  // The delay is forgotten on disk too, at the next scan.
  await clock.advance(30_000)
  await second.server.close()
  const database = new DatabaseSync(join(data, 'registry.db'), { readOnly: true })
  assert.deepEqual(database.prepare('SELECT * FROM lock_delays').all(), [])
  database.close()
})
