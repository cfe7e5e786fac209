import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { openRegistry, type Reply, type TestRegistry } from './registry.ts'

/** Starts a read that blocks at the index it has now, and waits until the registry holds it. */
async function watch(
  registry: TestRegistry,
  clock: ManualClock,
  path: string,
): Promise<{ index: number; answer: Promise<Reply>; done(): boolean }> {
  const now = await registry.get(path)
  const armed = clock.pending
  const answer = registry.get(`${path}${path.includes('?') ? '&' : '?'}index=${now.index}&wait=10s`)
  let isDone = false
  void answer.then(() => (isDone = true))
  await until(`${path} is held`, () => clock.pending > armed)
  return { index: now.index, answer, done: () => isDone }
}

const service = (name: string, extra: object = {}) => ({ Name: name, Port: 1, ...extra })

const cases = [
  { read: '/v1/kv/a', wakes: ['PUT /v1/kv/a'], sleeps: ['PUT /v1/kv/ab', 'PUT /v1/kv/z'] },
  { read: '/v1/kv/dir/?recurse', wakes: ['PUT /v1/kv/dir/x'], sleeps: ['PUT /v1/kv/di', 'PUT /v1/kv/z'] },
  { read: '/v1/kv/dir/?keys&separator=/', wakes: ['DELETE /v1/kv/dir/sub/b'], sleeps: ['DELETE /v1/kv/none'] },
  { read: '/v1/kv/dir/?recurse', wakes: ['DELETE /v1/kv/dir/?recurse'], sleeps: ['DELETE /v1/kv/other/?recurse'] },
  { read: '/v1/kv/?recurse', wakes: ['PUT /v1/kv/anything'], sleeps: ['SERVICE another'] },
  {
    read: '/v1/health/service/web?passing',
    wakes: ['PUT /v1/agent/check/pass/web-check'],
    sleeps: ['SERVICE another', 'PUT /v1/agent/check/pass/db-check'],
  },
  { read: '/v1/health/service/web', wakes: ['PUT /v1/agent/maintenance?enable=true'], sleeps: ['PUT /v1/kv/z'] },
  {
    read: '/v1/catalog/service/web',
    wakes: ['PUT /v1/agent/service/deregister/web'],
    sleeps: ['PUT /v1/agent/service/deregister/db'],
  },
  { read: '/v1/health/service/late', wakes: ['SERVICE late'], sleeps: ['SERVICE another', 'PUT /v1/agent/check/pass/db-check'] },
  { read: '/v1/catalog/services', wakes: ['SERVICE another'], sleeps: ['PUT /v1/agent/check/pass/web-check'] },
  { read: '/v1/health/state/any', wakes: ['PUT /v1/agent/check/pass/web-check'], sleeps: ['SERVICE another'] },
  { read: '/v1/health/checks/web', wakes: ['PUT /v1/agent/check/warn/web-check'], sleeps: ['PUT /v1/kv/z'] },
  { read: '/v1/session/list', wakes: ['PUT /v1/session/create'], sleeps: ['PUT /v1/kv/z', 'SERVICE another'] },
  { read: '/v1/catalog/nodes', wakes: [], sleeps: ['SERVICE another', 'PUT /v1/kv/z'] },
]

async function act(registry: TestRegistry, action: string): Promise<void> {
  const [verb = '', target = ''] = action.split(' ')
  if (verb === 'SERVICE') await registry.put('/v1/agent/service/register', service(target))
  else if (verb === 'DELETE') await registry.delete(target)
  else await registry.put(target, target.includes('/kv/') ? 'new value' : undefined)
}

for (const { read, wakes, sleeps } of cases) {
  test(`a read of ${read} ${wakes.length > 0 ? `is woken by ${wakes.join(', ')}` : 'waits'} and not by ${sleeps.join(', ')}`, async (context) => {
    const clock = new ManualClock()
    const registry = await openRegistry(context, { clock })
    for (const key of ['a', 'dir/a', 'dir/sub/b', 'other/c']) await registry.put(`/v1/kv/${key}`, 'value')
    for (const name of ['web', 'db'])
      await registry.put('/v1/agent/service/register', service(name, { Check: { CheckID: `${name}-check`, TTL: '1h' } }))
    const watched = await watch(registry, clock, read)
    for (const action of sleeps) await act(registry, action)
    await settle()
    assert.equal(watched.done(), false, 'it was woken too early')
    for (const action of wakes) await act(registry, action)
    if (wakes.length === 0) await clock.advance(10_000)
    const { index } = await watched.answer
    if (wakes.length > 0) assert.ok(index > watched.index, `${index} is not above ${watched.index}`)
    else assert.equal(index, watched.index)
  })
}

test('an identical write wakes nobody, and the wait ends with the same index', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  await registry.put('/v1/kv/a?flags=7', 'x')
  const watched = await watch(registry, clock, '/v1/kv/a')
  await registry.put('/v1/kv/a?flags=7', 'x')
  await clock.advance(9_999)
  assert.equal(watched.done(), false)
  await clock.advance(1)
  assert.equal((await watched.answer).index, watched.index)
})

test('a deleted key answers 404 with a greater index, and a key made anew a still greater one', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  await registry.put('/v1/kv/a', 'x')
  const watched = await watch(registry, clock, '/v1/kv/a')
  await registry.delete('/v1/kv/a')
  const gone = await watched.answer
  assert.equal(gone.status, 404)
  assert.ok(gone.index > watched.index)
  await registry.put('/v1/kv/a', 'x')
  assert.ok((await registry.get('/v1/kv/a')).index > gone.index)
})

test('tombstones are kept for 15 minutes', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  await registry.put('/v1/kv/dir/a', 'x')
  await registry.put('/v1/kv/dir/b', 'x')
  const full = await registry.get('/v1/kv/dir/?recurse')
  await registry.delete('/v1/kv/dir/b')
  const floor = await registry.get('/v1/kv/dir/?recurse')
  assert.ok(floor.index > full.index)
  await clock.advance(14 * 60_000)
  assert.equal((await registry.get('/v1/kv/dir/?recurse')).index, floor.index)
  await clock.advance(2 * 60_000)
  assert.ok((await registry.get('/v1/kv/dir/?recurse')).index < floor.index)
})

test('a client that leaves is forgotten', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const before = clock.pending
  const socket = connect(registry.port, '127.0.0.1')
  context.after(() => socket.destroy())
  socket.write('GET /v1/kv/none?index=99 HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('the read is held', () => clock.pending === before + 1)
  socket.destroy()
  await until('the read is dropped', () => clock.pending === before)
})

test('one connection cannot pile up blocked reads', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const before = clock.pending
  const socket = connect(registry.port, '127.0.0.1')
  context.after(() => socket.destroy())
  socket.write('GET /v1/kv/none?index=99 HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(40))
  await until('reads are held', () => clock.pending > before)
  await settle()
  assert.ok(clock.pending - before <= 16, `${clock.pending - before} held`)
})

test('closing answers who waits', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const watched = await watch(registry, clock, '/v1/catalog/services')
  await registry.server.close()
  assert.equal((await watched.answer).status, 200)
  assert.equal(clock.pending, 0)
})
