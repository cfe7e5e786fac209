import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { until } from '../support/until.ts'
import { openRegistry, type TestRegistry } from './registry.ts'

async function setUp(context: TestContext, alias: object): Promise<TestRegistry> {
  const registry = await openRegistry(context)
  await registry.put('/v1/agent/service/register', { Name: 'front', Check: { CheckID: 'alias', Name: 'alias', ...alias } })
  return registry
}

function becomes(registry: TestRegistry, status: string, output: string): Promise<unknown> {
  return until(`${status} ${output}`, async () => {
    const checks = (await registry.get('/v1/agent/checks')).json<
      Record<string, { Status: string; Output: string; Type: string }>
    >()
    const found = checks['alias']
    return found?.Type === 'alias' && found.Status === status && found.Output === output
  })
}

const withTtl = (id: string) => ({ CheckID: id, Name: id, TTL: '1h', Status: 'passing' })

test('an alias check follows the worst check of another service and of the node', async (context) => {
  const registry = await setUp(context, { AliasService: 'web' })
  await becomes(registry, 'critical', 'Service web could not be found on node ')
  await registry.put('/v1/agent/service/register', { Name: 'web' })
  await becomes(registry, 'passing', 'No checks found.')
  await registry.put('/v1/agent/service/register', { Name: 'web', Checks: [withTtl('a'), withTtl('b')] })
  await becomes(registry, 'passing', 'All checks passing.')
  await registry.put('/v1/agent/check/warn/a?note=slow')
  await becomes(registry, 'warning', 'Aliased check "a" failing: slow')
  await registry.put('/v1/agent/check/fail/b?note=dead')
  await becomes(registry, 'critical', 'Aliased check "b" failing: dead')
  await registry.put('/v1/agent/check/pass/a')
  await registry.put('/v1/agent/check/pass/b')
  await becomes(registry, 'passing', 'All checks passing.')
  await registry.put('/v1/agent/check/register', { ID: 'disk', ...withTtl('disk'), CheckID: undefined })
  await registry.put('/v1/agent/check/fail/disk?note=full')
  await becomes(registry, 'critical', 'Aliased check "disk" failing: full')
  await registry.put('/v1/agent/check/deregister/disk')
  await becomes(registry, 'passing', 'All checks passing.')
  await registry.put('/v1/agent/service/deregister/web')
  await becomes(registry, 'critical', 'Service web could not be found on node ')
})

test('an alias of a node follows the checks of that node alone', async (context) => {
  const registry = await setUp(context, { AliasNode: 'n1' })
  await becomes(registry, 'passing', 'All checks passing.')
  await registry.put('/v1/agent/check/register', { ID: 'disk', ...withTtl('disk'), CheckID: undefined })
  await registry.put('/v1/agent/check/warn/disk?note=nearly%20full')
  await becomes(registry, 'warning', 'Aliased check "disk" failing: nearly full')
  await registry.put('/v1/agent/service/register', { Name: 'web', Check: { ...withTtl('w'), Status: 'critical' } })
  await registry.put('/v1/agent/check/pass/disk')
  await becomes(registry, 'passing', 'All checks passing.')
})

test('two aliases of the node do not keep each other critical', async (context) => {
  const registry = await openRegistry(context)
  for (const name of ['one', 'two']) await registry.put('/v1/agent/service/register', { Name: name, Check: withTtl(`c-${name}`) })
  await registry.put('/v1/agent/check/register', { ID: 'alias', Name: 'alias', AliasService: 'one' })
  await registry.put('/v1/agent/check/register', { ID: 'alias-2', Name: 'alias-2', AliasService: 'two' })
  await becomes(registry, 'passing', 'All checks passing.')
  await registry.put('/v1/agent/check/fail/c-one')
  await registry.put('/v1/agent/check/fail/c-two')
  await becomes(registry, 'critical', 'Aliased check "c-one" failing: ')
  await registry.put('/v1/agent/check/pass/c-two')
  await registry.put('/v1/agent/check/pass/c-one')
  await becomes(registry, 'passing', 'All checks passing.')
})

test('an alias check takes neither an interval nor a TTL', async (context) => {
  const registry = await openRegistry(context)
  const register = (extra: object) =>
    registry.put('/v1/agent/check/register', { ID: 'a', Name: 'a', AliasService: 'web', ...extra })
  assert.equal((await register({ Interval: '1s' })).text, 'Invalid check: Interval cannot be set for Alias checks')
  assert.equal((await register({ TTL: '1s' })).text, 'Invalid check: TTL must be not be set for Alias checks')
})
