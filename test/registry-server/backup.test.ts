import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { meshgate } from '../cli/captured.ts'
import { consulSkip, findConsul } from '../conformance/consul.ts'
import { makeFolder, makeTlsFiles, openRegistry, type TestRegistry } from './registry.ts'

const run = promisify(execFile)

async function ok(...args: string[]): Promise<string> {
  const { code, out, err } = await meshgate('registry', ...args)
  assert.deepEqual([code, err], [0, ''], args.join(' '))
  return out
}

async function refused(...args: string[]): Promise<string> {
  const { code, out, err } = await meshgate('registry', ...args)
  assert.deepEqual([code, out], [1, ''], args.join(' '))
  return err
}

const at = ({ port }: TestRegistry): string[] => ['--http', `127.0.0.1:${port}`]

const allKv = async (registry: TestRegistry): Promise<unknown> =>
  (await registry.get('/v1/kv/?recurse'))
    .json<{ Key: string; Value: string | null; LockIndex: number }[]>()
    .map(({ Key, Value, LockIndex }) => ({ Key, Value, LockIndex }))

test('a backup of a registry that is written to can be restored into another that runs', async (context) => {
  const file = join(makeFolder(context), 'registry.snap')
  const first = await openRegistry(context, { data: join(makeFolder(context), 'one') })
  await first.put('/v1/kv/a?flags=18446744073709551615', 'one')
  await first.put('/v1/kv/dir/b', 'two')
  await first.put('/v1/agent/service/register', { Name: 'web', Port: 80, Check: { TTL: '1h', Status: 'passing' } })
  const { ID } = (await first.put('/v1/session/create', { TTL: '60s' })).json<{ ID: string }>()
  await first.put(`/v1/kv/lock?acquire=${ID}`, 'holder')
  const before = await allKv(first)
  const stop = new AbortController()
  const writing = (async () => {
    for (let n = 0; !stop.signal.aborted; n++) await first.put(`/v1/kv/a`, `one`.repeat(1 + (n % 3)))
  })()
  assert.match(await ok('backup', file, ...at(first)), /^.*registry\.snap: \d+ bytes\n$/)
  stop.abort()
  await writing
  assert.equal(statSync(file).mode & 0o777, 0o600)

  const data = join(makeFolder(context), 'two')
  const second = await openRegistry(context, { data })
  await second.put('/v1/kv/other', 'is replaced')
  const index = (await second.get('/v1/kv/?keys')).index
  await ok('restore', file, ...at(second))
  const after = (await allKv(second)) as { Key: string }[]
  assert.deepEqual(
    after.filter(({ Key }) => Key !== 'a'),
    (before as { Key: string }[]).filter(({ Key }) => Key !== 'a'),
  )
  assert.match((await second.get('/v1/kv/lock')).text, new RegExp(`"Session":"${ID}"`))
  assert.equal((await second.get('/v1/health/service/web?passing')).json<unknown[]>().length, 1)
  assert.ok((await second.get('/v1/kv/?keys')).index > index, 'the index went on')
  // What was restored is on disk.
  await second.server.close()
  const third = await openRegistry(context, { data })
  assert.deepEqual(await allKv(third), after)
})

test('a backup with any byte flipped, or cut off, is refused and changes nothing', async (context) => {
  const folder = makeFolder(context)
  const file = join(folder, 'registry.snap')
  const registry = await openRegistry(context)
  await registry.put('/v1/kv/a', 'one')
  await ok('backup', file, ...at(registry))
  await registry.put('/v1/kv/a', 'two')
  const intact = readFileSync(file)
  const broken = join(folder, 'broken.snap')
  const attempts: Buffer[] = [
    intact.subarray(0, intact.length / 2),
    intact.subarray(0, -1),
    Buffer.alloc(0),
    Buffer.from('hello'),
  ]
  // The head of a gzip file says when and where it was made: what is not checked there does no harm.
  for (let n = 0; n < 40; n++) {
    const flipped = Buffer.from(intact)
    const where = 10 + Math.floor(((intact.length - 10) * n) / 40)
    flipped[where] = (flipped[where] ?? 0) ^ 1
    // Packed zeros can be written in several ways: what unpacks to the same bytes is no damage.
    if (!unpacksAlike(flipped, intact)) attempts.push(flipped)
  }
  for (const [n, bytes] of attempts.entries()) {
    writeFileSync(broken, bytes)
    assert.match(await refused('restore', broken, ...at(registry)), /answered [45]\d\d: \S/, `attempt ${n}`)
    assert.equal((await registry.get('/v1/kv/a?raw')).text, 'two')
  }
})

function unpacksAlike(a: Buffer, b: Buffer): boolean {
  try {
    return gunzipSync(a).equals(gunzipSync(b))
  } catch {
    // It cannot be unpacked at all.
    return false
  }
}

test('a backup that cannot be made leaves no file, and the old one as it was', async (context) => {
  const file = join(makeFolder(context), 'registry.snap')
  writeFileSync(file, 'the last one')
  const registry = await openRegistry(context, { access: { token: 'secret', readToken: 'reader' } })
  assert.match(await refused('backup', file, ...at(registry)), /answered 403: Permission denied \(--token/)
  assert.equal(readFileSync(file, 'utf8'), 'the last one')
  await registry.server.close()
  assert.match(
    await refused('backup', file, ...at(registry)),
    /no answer of a registry at http:\/\/127\.0\.0\.1:\d+: .*is it running/,
  )
  assert.match(await refused('backup', '/no/such/folder/x', '--http', '127.0.0.1:1'), /no answer|cannot be written/)
  assert.equal(existsSync(`${file}.partial`), false)
})

test('with a token and TLS the config file tells the commands all that they need', async (context) => {
  const tls = makeTlsFiles(context)
  const folder = makeFolder(context)
  const registry = await openRegistry(context, { tls, access: { token: 'secret', readToken: null } })
  const config = join(folder, 'gateway.yaml')
  const embedded = { http: `127.0.0.1:${registry.port}`, token: 'secret', tls }
  writeFileSync(config, JSON.stringify({ listeners: { web: { bind: ':8080' } }, registry: { embedded } }))
  const entries = join(folder, 'entries.json')
  writeFileSync(entries, '[{"key": "a", "flags": 7, "value": "b25l"}]')
  assert.equal(await ok('import', entries, '--config', config), '1 entry imported\n')
  assert.equal(await ok('export', '--config', config), '[\n\t{\n\t\t"key": "a",\n\t\t"flags": 7,\n\t\t"value": "b25l"\n\t}\n]\n')
  const wrong = ['--http', `https://127.0.0.1:${registry.port}`, '--token', 'wrong', '--ca', tls.cert]
  assert.match(await refused('export', ...wrong), /403: Permission denied/)
  assert.match(
    await refused('export', '--http', `https://127.0.0.1:${registry.port}`, '--token', 'secret'),
    /self.signed certificate/,
  )
})

test('a file that is no export is refused by what is wrong with it, before anything is set', async (context) => {
  const file = join(makeFolder(context), 'entries.json')
  const registry = await openRegistry(context)
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /it is not JSON/],
    ['{}', /it is not a list/],
    ['[{"key": "a"}, {"flags": 1}]', /entry 2 has no key/],
    ['[{"key": "a", "flags": 18446744073709551616}]', /the flags of "a" are no uint64/],
    ['[{"key": "a", "flags": 1.5}]', /the flags of "a" are no uint64/],
    ['[{"key": "a", "value": "&"}]', /the value of "a" is not base64/],
    ['[null]', /entry 1 has no key/],
  ]
  for (const [text, problem] of wrong) {
    writeFileSync(file, text)
    assert.match(await refused('import', file, ...at(registry)), problem)
  }
  assert.equal(await ok('export', ...at(registry)), '[]\n')
})

test('keys that no path can carry come back by an import, as Consul keeps them when a transaction sets them', async (context) => {
  const file = join(makeFolder(context), 'entries.json')
  const [first, second] = [await openRegistry(context), await openRegistry(context)]
  const keys = ['/lead', 'a/../b', 'a//b', './c', 'line\nbreak', 'k'.repeat(40_000)]
  const sets = keys.map((Key) => ({ KV: { Verb: 'set', Key, Value: 'AP8=', Flags: 7 } }))
  assert.equal((await first.put('/v1/txn', sets)).status, 200)
  const exported = await ok('export', ...at(first))
  writeFileSync(file, exported)
  assert.equal(await ok('import', file, ...at(second)), '6 entries imported\n')
  assert.equal(await ok('export', ...at(second)), exported)
})

test('an entry that the registry does not take is named', async (context) => {
  const file = join(makeFolder(context), 'entries.json')
  const registry = await openRegistry(context)
  writeFileSync(file, JSON.stringify([{ key: 'too/large', value: Buffer.alloc(600_000).toString('base64') }]))
  assert.match(
    await refused('import', file, ...at(registry)),
    /did not store "too\/large": Request body\(600000 bytes\) too large/,
  )
  assert.match(await refused('restore', makeFolder(context), ...at(registry)), /cannot be read: it is no file/)
})

async function consul(registry: TestRegistry, ...args: string[]): Promise<string> {
  return (await run(findConsul() ?? 'consul', args, { env: { ...process.env, CONSUL_HTTP_ADDR: registry.url } })).stdout
}

test("exports and imports are those of Consul's own command line, both ways", { skip: consulSkip() }, async (context) => {
  const folder = makeFolder(context)
  const [first, second, third] = [await openRegistry(context), await openRegistry(context), await openRegistry(context)]
  await first.put('/v1/kv/app/a?flags=18446744073709551615', 'one')
  await first.put('/v1/kv/app/empty', '')
  await first.put('/v1/kv/app/%C3%A9%20%2B%3F%23%25', 'räksmörgås\n')
  await first.put('/v1/kv/app/long', 'x'.repeat(10_000))
  await first.put('/v1/kv/other', 'not below')
  const theirs = await consul(first, 'kv', 'export', 'app/')
  assert.equal(await ok('export', 'app/', ...at(first)), theirs)

  const file = join(folder, 'theirs.json')
  writeFileSync(file, theirs)
  assert.equal(await ok('import', file, ...at(second)), '4 entries imported\n')
  assert.equal(await consul(second, 'kv', 'export'), theirs)

  writeFileSync(file, await ok('export', 'app/', ...at(first)))
  await consul(third, 'kv', 'import', `@${file}`)
  assert.equal(await ok('export', ...at(third)), theirs)
})
