import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { packTar, unpackTar } from '../../src/registry-server/api/tar.ts'
import { consulSkip, findConsul } from '../conformance/consul.ts'
import { makeFolder, openRegistry, type TestRegistry } from './registry.ts'

const run = promisify(execFile)

async function fill(registry: TestRegistry): Promise<string> {
  const session = (await registry.put('/v1/session/create', { TTL: '30s', Behavior: 'delete' })).json<{ ID: string }>().ID
  await registry.put(`/v1/kv/lock?acquire=${session}&flags=18446744073709551615`, 'me')
  await registry.put('/v1/kv/app/a', 'ä\n"')
  await registry.put('/v1/agent/service/register', {
    Name: 'web',
    Port: 80,
    Check: { CheckID: 'up', TTL: '60s', Status: 'passing' },
  })
  await registry.put('/v1/agent/service/register', { Name: 'meshed', Port: 81, Connect: { SidecarService: {} } })
  await registry.put('/v1/catalog/register', { Node: 'ext', Address: '192.0.2.1', Service: { Service: 'db', Port: 5432 } })
  await fetch(`${registry.url}/v1/query`, { method: 'POST', body: JSON.stringify({ Name: 'q', Service: { Service: 'web' } }) })
  const Coord = { Vec: [0.1, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 0.1 }
  await registry.put('/v1/coordinate/update', { Node: 'ext', Coord })
  return session
}

const reads = [
  '/v1/kv/?recurse',
  '/v1/session/list',
  '/v1/catalog/nodes',
  '/v1/health/service/web',
  '/v1/health/service/db',
  '/v1/catalog/connect/meshed',
  '/v1/query',
  '/v1/coordinate/nodes',
]

async function stateOf(registry: TestRegistry): Promise<string[]> {
  return Promise.all(reads.map(async (path) => (await registry.get(path)).text))
}

async function save(registry: TestRegistry): Promise<Buffer> {
  return Buffer.from(await (await fetch(`${registry.url}/v1/snapshot`)).arrayBuffer())
}

async function restore(registry: TestRegistry, archive: Uint8Array): Promise<{ status: number; text: string }> {
  const response = await fetch(`${registry.url}/v1/snapshot`, { method: 'PUT', body: Buffer.from(archive) })
  return { status: response.status, text: await response.text() }
}

test('a snapshot brings everything back, on disk too, and takes away what came after it', async (context) => {
  const data = makeFolder(context)
  const registry = await openRegistry(context, { data })
  const session = await fill(registry)
  const before = await stateOf(registry)
  const archive = await save(registry)
  await registry.delete('/v1/kv/?recurse')
  await registry.put(`/v1/session/destroy/${session}`)
  await registry.put('/v1/catalog/deregister', { Node: 'ext' })
  await registry.put('/v1/agent/service/register', { Name: 'later', Port: 1 })
  await registry.put('/v1/kv/later', 'x')
  const last = (await registry.get('/v1/kv/later')).index
  assert.deepEqual(await restore(registry, archive), { status: 200, text: '' })
  assert.deepEqual(await stateOf(registry), before)
  for (const path of ['/v1/kv/app/a', '/v1/kv/app/?recurse']) assert.ok((await registry.get(path)).index > last, path)
  assert.deepEqual((await registry.get('/v1/health/service/later')).json(), [])
  assert.equal((await registry.put('/v1/agent/check/pass/up')).status, 200, 'its checks run again')
  await registry.put('/v1/kv/fresh', 'x')
  assert.ok((await registry.get('/v1/kv/fresh')).index > last, 'indexes go on')
  await registry.delete('/v1/kv/fresh')
  await registry.server.close()
  const reopened = await openRegistry(context, { data })
  assert.deepEqual(await stateOf(reopened), before)
})

test('a restore wakes everybody who waits, whatever index they wait for', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/kv/a', '1')
  const archive = await save(registry)
  const waiting = ['/v1/kv/a?index=1000&wait=60s', '/v1/catalog/nodes?index=1000&wait=60s'].map((path) => registry.get(path))
  await registry.get('/v1/status/leader')
  await restore(registry, archive)
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ status }) => status),
    [200, 200],
  )
})

test('a damaged, foreign or cut-off snapshot is refused and changes nothing', async (context) => {
  const registry = await openRegistry(context)
  await fill(registry)
  const archive = await save(registry)
  await registry.put('/v1/kv/kept', 'x')
  const before = await stateOf(registry)
  const tar = gunzipSync(archive)
  const flipped = Buffer.from(tar)
  const at = flipped.indexOf('192.0.2.1')
  flipped[at] = 0x32
  const foreign = withState(tar, Buffer.from('{"format":"other"}\n'))
  const newer = withState(tar, Buffer.from('{"format":"meshgate-registry","version":2}\n'))
  const unfit = withState(tar, Buffer.from('{"format":"meshgate-registry","version":1}\n["kv","a","not six columns"]\n'))
  const refused: (readonly [Uint8Array, RegExp])[] = [
    [Buffer.alloc(0), /^failed to decompress snapshot: EOF$/],
    [Buffer.from('garbage'), /^failed to decompress snapshot: unexpected EOF$/],
    [Buffer.from('more than ten bytes of garbage'), /gzip: invalid header$/],
    [archive.subarray(0, archive.length / 2), /^failed to read snapshot file: failed reading snapshot/],
    [gzipSync(tar.subarray(0, 700)), /unexpected EOF$/],
    [gzipSync(flipped), /hash check failed for "state.bin"$/],
    [foreign, /another program wrote it$/],
    [newer, /its format is 2, and 1 is the newest known$/],
    [unfit, /does not fit table "kv"$/],
  ]
  for (const [content, reason] of refused) {
    const reply = await restore(registry, content)
    assert.equal(reply.status, 500)
    assert.match(reply.text, reason)
  }
  assert.deepEqual(await stateOf(registry), before)
})

test("Consul's own command line saves, inspects and restores a snapshot", { skip: consulSkip() }, async (context) => {
  const registry = await openRegistry(context)
  await fill(registry)
  const before = await stateOf(registry)
  const file = join(makeFolder(context), 'backup.snap')
  const consul = async (...args: string[]): Promise<string> =>
    (await run(findConsul() ?? 'consul', args, { env: { ...process.env, CONSUL_HTTP_ADDR: `127.0.0.1:${registry.port}` } }))
      .stdout
  assert.match(await consul('snapshot', 'save', file), /Saved and verified snapshot to index \d+/)
  assert.match(await consul('snapshot', 'inspect', file), /Version +1/)
  await registry.delete('/v1/kv/?recurse')
  assert.match(await consul('snapshot', 'restore', file), /Restored snapshot/)
  assert.deepEqual(await stateOf(registry), before)
})

/** The archive with another state, and sums that are right. */
function withState(tar: Buffer, state: Buffer): Buffer {
  const meta = unpackTar(tar)?.get('meta.json') ?? Buffer.alloc(0)
  const files = [
    { name: 'meta.json', content: meta },
    { name: 'state.bin', content: state },
  ]
  const sums = files.map(({ name, content }) => `${createHash('sha256').update(content).digest('hex')}  ${name}\n`)
  return gzipSync(packTar([...files, { name: 'SHA256SUMS', content: Buffer.from(sums.join('')) }], 0))
}
