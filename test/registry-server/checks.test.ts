import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createSecure } from 'node:https'
import { test } from 'node:test'
import { IntervalCheck } from '../../src/registry-server/checks/interval-check.ts'
import type { CheckStatus } from '../../src/registry-server/store/rows.ts'
import { selfSigned } from '../support/self-signed.ts'
import { startInstance } from '../support/instance.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { checkDefinition } from './check-definition.ts'
import { openRegistry, type TestRegistry } from './registry.ts'

interface Check {
  readonly CheckID: string
  readonly Status: string
  readonly Output: string
}

async function inCatalog(registry: TestRegistry, service: string): Promise<readonly Check[]> {
  return (await registry.get(`/v1/health/checks/${service}`)).json<Check[]>()
}

async function inAgent(registry: TestRegistry, id: string): Promise<Check | undefined> {
  return (await registry.get('/v1/agent/checks')).json<Record<string, Check>>()[id]
}

test('a TTL check turns critical when nobody reports, and says what the last report was', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  await registry.put('/v1/agent/check/register', { ID: 'c', Name: 'c', TTL: '10s', Status: 'passing' })
  await clock.advance(10_000)
  assert.deepEqual([(await inAgent(registry, 'c'))?.Status, (await inAgent(registry, 'c'))?.Output], ['critical', 'TTL expired'])
  await registry.put('/v1/agent/check/pass/c?note=was%20ok')
  await clock.advance(9_999)
  assert.equal((await inAgent(registry, 'c'))?.Status, 'passing')
  await clock.advance(1)
  assert.equal((await inAgent(registry, 'c'))?.Output, 'TTL expired (last output before timeout follows): was ok')
})

test('a new output under the same status is in the agent at once and in the catalog minutes later', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  await registry.put('/v1/agent/service/register', { Name: 'web', Check: { CheckID: 'c', TTL: '1h' } })
  await registry.put('/v1/agent/check/pass/c?note=one')
  const before = await registry.get('/v1/health/service/web')
  await registry.put('/v1/agent/check/update/c', { Status: 'passing', Output: 'two' })
  assert.equal((await inAgent(registry, 'c'))?.Output, 'two')
  assert.equal((await registry.get('/v1/health/service/web')).index, before.index)
  await clock.advance(150_000)
  assert.equal((await inCatalog(registry, 'web'))[0]?.Output, 'two')
})

test('the output of a TTL check is cut at 4096 bytes', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/agent/check/register', { ID: 'c', Name: 'c', TTL: '10s' })
  await registry.put('/v1/agent/check/update/c', { Status: 'passing', Output: 'y'.repeat(5000) })
  assert.equal((await inAgent(registry, 'c'))?.Output, `${'y'.repeat(4096)} ... (captured 4096 of 5000 bytes)`)
})

test('an HTTP check sends what was asked for, follows redirects, and maps 2xx, 429 and the rest', async (context) => {
  let status = 200
  const seen: (string | undefined)[] = []
  const target = await startInstance('target', (request, response) => {
    seen.push(`${request.method} ${request.url} ${String(request.headers['x-a'])} ${request.headers['user-agent']}`)
    if (request.url === '/moved') response.writeHead(302, { location: '/health' })
    else response.statusCode = status
    response.end('fine')
  })
  context.after(() => target.kill())
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const url = `http://127.0.0.1:${target.port}/moved`
  const check = { CheckID: 'c', HTTP: url, Method: 'POST', Header: { 'X-A': ['b'] }, Interval: '5s' }
  await registry.put('/v1/agent/service/register', { Name: 'web', Check: check })
  for (const [code, wanted] of [
    [200, 'passing'],
    [429, 'warning'],
    [503, 'critical'],
    [204, 'passing'],
  ] as const) {
    status = code
    await clock.advance(5000)
    await until(`${code} makes it ${wanted}`, async () => (await inCatalog(registry, 'web'))[0]?.Status === wanted)
  }
  assert.deepEqual(seen.slice(0, 2), ['POST /moved b Consul Health Check', 'GET /health b Consul Health Check'])
  assert.match((await inCatalog(registry, 'web'))[0]?.Output ?? '', new RegExp(`^HTTP POST ${url}: 204 No Content Output: $`))
})

test('an HTTP check that gets no answer in time is critical', async (context) => {
  const target = await startInstance('silent', () => {})
  context.after(() => target.kill())
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  await registry.put('/v1/agent/check/register', {
    ID: 'c',
    Name: 'c',
    HTTP: `http://127.0.0.1:${target.port}/`,
    Interval: '5s',
    Timeout: '2s',
    Status: 'passing',
  })
  await clock.advance(0)
  await until('the target is asked', () => target.hits === 1)
  await clock.advance(2000)
  const check = await until('it is critical', async () =>
    (await inAgent(registry, 'c'))?.Status === 'critical' ? inAgent(registry, 'c') : null,
  )
  assert.match(check.Output, /context deadline exceeded/)
})

test('an HTTPS check wants a certificate it trusts, unless it is told to skip that', async (context) => {
  const server = createSecure(selfSigned, (_, response) => void response.end('fine'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const registry = await openRegistry(context)
  const url = `https://127.0.0.1:${(server.address() as { port: number }).port}/`
  const check = { HTTP: url, Interval: '1s' }
  await registry.put('/v1/agent/check/register', { ID: 'strict', Name: 'strict', ...check })
  await registry.put('/v1/agent/check/register', { ID: 'lax', Name: 'lax', ...check, TLSSkipVerify: true })
  await until(
    'both have run',
    async () => (await inAgent(registry, 'lax'))?.Output && (await inAgent(registry, 'strict'))?.Output,
  )
  assert.equal((await inAgent(registry, 'lax'))?.Output, `HTTP GET ${url}: 200 OK Output: fine`)
  assert.equal((await inAgent(registry, 'strict'))?.Output, `Get "${url}": x509: certificate signed by unknown authority`)
})

test('an HTTP check of what is no HTTP address is critical and says so', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  await registry.put('/v1/agent/check/register', { ID: 'c', Name: 'c', HTTP: 'ftp://x', Interval: '1s' })
  await clock.advance(0)
  assert.equal((await inAgent(registry, 'c'))?.Output, 'Get "ftp://x": unsupported protocol scheme "ftp"')
})

test('a TCP check passes while the port accepts connections', async (context) => {
  const target = await startInstance('target')
  context.after(() => target.kill())
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const address = `127.0.0.1:${target.port}`
  await registry.put('/v1/agent/service/register', { Name: 'web', Check: { TCP: address, Interval: '5s' } })
  await clock.advance(0)
  await until('it passes', async () => (await inCatalog(registry, 'web'))[0]?.Output === `TCP connect ${address}: Success`)
  await target.kill()
  await clock.advance(5000)
  await until(
    'it fails',
    async () => (await inCatalog(registry, 'web'))[0]?.Output === `dial tcp ${address}: connect: connection refused`,
  )
})

test('with thresholds the first result counts and a later change needs enough results in a row', async () => {
  const clock = new ManualClock()
  const results: CheckStatus[] = [
    'passing',
    'critical',
    'critical',
    'passing',
    'critical',
    'critical',
    'critical',
    'passing',
    'warning',
  ]
  const reported: string[] = []
  let runs = 0
  const probe = async () => ({ status: results[runs++] ?? 'passing', output: '' })
  const report = (status: string): void => void reported.push(`${runs} ${status}`)
  const check = new IntervalCheck({ ...checkDefinition, successBeforePassing: 2, failuresBeforeCritical: 3 }, probe, {
    clock,
    random: () => 0.5,
    report,
  })
  await clock.advance(499)
  assert.equal(runs, 0)
  await clock.advance(1 + 8 * 1000)
  assert.deepEqual(reported, ['1 passing', '7 critical', '9 warning'])
  check.stop()
  assert.equal(clock.pending, 0)
})

test('registering a service again keeps the status of its checks', async (context) => {
  const registry = await openRegistry(context)
  const service = { Name: 'web', Port: 1, Check: { CheckID: 'c', TTL: '1h' } }
  await registry.put('/v1/agent/service/register', service)
  await registry.put('/v1/agent/check/pass/c')
  const before = await registry.get('/v1/health/service/web?passing')
  await registry.put('/v1/agent/service/register', service)
  const after = await registry.get('/v1/health/service/web?passing')
  assert.deepEqual([after.text, after.index], [before.text, before.index])
})

test('a service that stays critical for longer than its limit is deregistered', async (context) => {
  const clock = new ManualClock()
  const registry = await openRegistry(context, { clock })
  const check = { CheckID: 'c', TTL: '10m', DeregisterCriticalServiceAfter: '90s' }
  await registry.put('/v1/agent/service/register', { Name: 'web', Check: check })
  await clock.advance(60_000)
  await registry.put('/v1/agent/check/pass/c')
  await registry.put('/v1/agent/check/fail/c')
  await clock.advance(60_000)
  assert.notEqual((await registry.get('/v1/agent/services')).text, '{}')
  await clock.advance(60_000)
  assert.equal((await registry.get('/v1/agent/services')).text, '{}')
})

test('a critical check ends the sessions that depend on it', async (context) => {
  const registry = await openRegistry(context)
  await registry.put('/v1/agent/check/register', { ID: 'gate', Name: 'gate', TTL: '1h', Status: 'passing' })
  const { ID: id } = (await registry.put('/v1/session/create', { NodeChecks: ['serfHealth', 'gate'] })).json<{ ID: string }>()
  await registry.put('/v1/agent/check/fail/gate')
  assert.equal((await registry.get(`/v1/session/info/${id}`)).text, '[]')
})
