import assert from 'node:assert/strict'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { GatewayError } from '../../src/errors.ts'
import { createLogger, silentLogger } from '../../src/logging.ts'
import { startRegistryServer } from '../../src/registry-server/server.ts'
import { startRegistryThread } from '../../src/registry-server/thread.ts'
import { until } from '../support/until.ts'
import { call, makeFolder, openRegistry } from './registry.ts'

const http = { host: '127.0.0.1', port: 0 }

async function refusalOf(data: string): Promise<GatewayError> {
  const options = { http, data, node: 'n1', datacenter: 'dc1', clock: systemClock, random: systemRandom, logger: silentLogger }
  const error = await startRegistryServer(options).then(
    () => assert.fail('it started'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof GatewayError, String(error))
  return error
}

const writeLock = (folder: string, holder: object): void => writeFileSync(join(folder, 'lock'), JSON.stringify(holder))

async function canOpen(context: TestContext, data: string): Promise<void> {
  const registry = await openRegistry(context, { data })
  assert.equal((await registry.put('/v1/kv/a', 'x')).text, 'true')
}

test('a second registry on the same folder is refused', async (context) => {
  const data = makeFolder(context)
  const first = await openRegistry(context, { data })
  assert.equal((await refusalOf(data)).code, 'data_locked')
  await first.server.close()
  await canOpen(context, data)
})

test('a folder that another living process holds is refused, and the pid is told', async (context) => {
  const data = makeFolder(context)
  mkdirSync(data, { recursive: true })
  writeLock(data, { pid: process.ppid, started: null })
  const error = await refusalOf(data)
  assert.equal(error.code, 'data_locked')
  assert.match(error.message, new RegExp(`process ${process.ppid}\\b`))
})

test('SQLite refuses a second registry even when the lock file is gone', async (context) => {
  const data = makeFolder(context)
  await openRegistry(context, { data })
  writeFileSync(join(data, 'lock'), '')
  assert.equal((await refusalOf(data)).code, 'data_locked')
})

test('a lock whose process is gone is taken over', async (context) => {
  const data = makeFolder(context)
  writeLock(data, { pid: 2 ** 22 - 1, started: null })
  await canOpen(context, data)
})

test(
  'a lock whose pid now belongs to another process is taken over',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async (context) => {
    const data = makeFolder(context)
    writeLock(data, { pid: process.ppid, started: '1' })
    await canOpen(context, data)
  },
)

test('a file that is no database is refused with what to do', async (context) => {
  const data = makeFolder(context)
  writeFileSync(join(data, 'registry.db'), 'this is not a database, whatever its name says. '.repeat(50))
  const error = await refusalOf(data)
  assert.equal(error.code, 'data_unusable')
  assert.match(error.message, /restore a backup/)
})

test('a folder whose database has gone is refused and left alone, until the database is back or the mark is removed', async (context) => {
  const data = makeFolder(context)
  const [database, mark, away] = ['registry.db', 'registry.mark', 'away'].map((name) => join(data, name)) as [
    string,
    string,
    string,
  ]
  const registry = await openRegistry(context, { data })
  await registry.put('/v1/kv/acknowledged', 'x')
  await registry.server.close()
  renameSync(database, away)
  const error = await refusalOf(data)
  assert.equal(error.code, 'data_unusable')
  assert.match(error.message, /registry\.db is missing.*remove the mark.*registry restore/)
  assert.equal(existsSync(database), false)

  renameSync(away, database)
  const again = await openRegistry(context, { data })
  assert.equal((await again.get('/v1/kv/acknowledged?raw')).text, 'x')
  await again.server.close()

  rmSync(database)
  rmSync(mark)
  await canOpen(context, data)
})

test('data of a newer version is refused with both versions', async (context) => {
  const data = makeFolder(context)
  const database = new DatabaseSync(join(data, 'registry.db'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  const error = await refusalOf(data)
  assert.equal(error.code, 'data_unusable')
  assert.match(error.message, /format 99, this one reads up to 2/)
})

test('a folder that cannot be made is refused', async (context) => {
  const file = join(makeFolder(context), 'file')
  writeFileSync(file, '')
  assert.equal((await refusalOf(join(file, 'data'))).code, 'data_unusable')
})

test('a registry that could not bind lets go of its folder', async (context) => {
  const data = makeFolder(context)
  const other = await openRegistry(context)
  const options = { data, node: 'n1', datacenter: 'dc1', clock: systemClock, random: systemRandom, logger: silentLogger }
  await assert.rejects(startRegistryServer({ ...options, http: other.server.address }), { code: 'port_in_use' })
  await canOpen(context, data)
})

test('the thread answers, logs through its parent, gives its errors, and ends', async (context) => {
  const data = join(makeFolder(context), 'new')
  mkdirSync(data)
  const lines: string[] = []
  const logger = createLogger('info', { write: (line: string) => void lines.push(line) })
  const thread = await startRegistryThread({ http, data, node: 'n1', datacenter: 'dc1' }, logger)
  assert.equal((await call(`http://127.0.0.1:${thread.address.port}/v1/kv/a`, 'PUT', 'x')).text, 'true')
  await until('the log line of the thread', () => lines.some((line) => line.includes('registry.started')))
  await assert.rejects(startRegistryThread({ http, data, node: 'n1', datacenter: 'dc1' }, silentLogger), { code: 'data_locked' })
  let hasFailed = false
  void thread.failed.then(() => (hasFailed = true))
  await thread.close()
  await assert.rejects(fetch(`http://127.0.0.1:${thread.address.port}/`))
  assert.equal(hasFailed, false)
})
