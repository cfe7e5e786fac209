import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { systemClock, type Clock } from '../../src/clock.ts'
import { GatewayError, messageOf } from '../../src/errors.ts'
import { silentLogger } from '../../src/logging.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { startScriptedRegistry, type Scripted, type ScriptedRegistry } from './scripted-registry.ts'

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function answering(answer: Scripted, clock: Clock = systemClock): Promise<{ fake: ScriptedRegistry; registry: Registry }> {
  return asking(() => answer, { clock })
}

async function asking(
  answer: Parameters<typeof startScriptedRegistry>[0],
  { clock = systemClock, datacenter = 'dc7' }: { clock?: Clock; datacenter?: string | null },
): Promise<{ fake: ScriptedRegistry; registry: Registry }> {
  const fake = await startScriptedRegistry(answer)
  const registry = openConsulRegistry({
    address: fake.address,
    token: 'very-secret',
    datacenter,
    clock,
    random: () => 0,
    logger: silentLogger,
  })
  cleanups.push(fake.close, () => registry.close())
  return { fake, registry }
}

async function datacenters(self: Scripted, datacenter: string | null) {
  const answer = (path: string): Scripted => (path === '/v1/agent/self' ? self : { body: '["dc1","dc2"]' })
  const { registry } = await asking((_, { path }) => answer(path), { datacenter })
  return { found: await registry.datacenters(), lastError: registry.contact.lastError }
}

async function failure(call: Promise<unknown>): Promise<GatewayError> {
  const outcome: unknown = await call.catch((error: unknown) => error)
  assert.ok(outcome instanceof GatewayError, 'it did not fail with a GatewayError')
  return outcome
}

describe('the datacenters', () => {
  it('are all that the registry knows, and our own is that of its agent, or the one that the config names', async () => {
    const self = { body: '{"Config":{"Datacenter":"dc2"}}' }
    assert.deepEqual((await datacenters(self, null)).found, { own: 'dc2', all: ['dc1', 'dc2'] })
    assert.deepEqual((await datacenters(self, 'dc1')).found, { own: 'dc1', all: ['dc1', 'dc2'] })
  })

  it('are known without the right to read the agent too, which is no failure', async () => {
    const { found, lastError } = await datacenters({ status: 403, body: 'Permission denied' }, null)
    assert.deepEqual([found, lastError], [{ own: null, all: ['dc1', 'dc2'] }, null])
  })
})

describe('a call of the registry', () => {
  it('carries the token and the datacenter', async () => {
    const { fake, registry } = await answering({ body: 'true' })
    assert.equal(await registry.kv.put('a/b c', 'x'), true)
    assert.deepEqual([fake.seen[0]?.path, fake.seen[0]?.query.get('dc')], ['/v1/kv/a/b%20c', 'dc7'])
    assert.equal(fake.seen[0]?.headers['x-consul-token'], 'very-secret')
  })

  it('fails with what the registry said, and never with the token', async () => {
    const { registry } = await answering({ status: 500, body: 'CheckID "service:a" does not have associated TTL' })
    const error = await failure(registry.reportHealth('a', 'passing', ''))
    assert.equal(error.code, 'registry_refused')
    assert.match(error.message, /answered 500, CheckID "service:a" does not have associated TTL$/)
    assert.doesNotMatch(messageOf(error), /very-secret/)
  })

  it('takes neither yes nor no for a protocol error', async () => {
    const { registry } = await answering({ body: 'maybe' })
    assert.equal((await failure(registry.kv.put('a', 'x'))).code, 'registry_protocol')
  })

  it('fails after 5 s when the registry hangs', async () => {
    const clock = new ManualClock()
    const { fake, registry } = await answering('hang', clock)
    const failed = failure(registry.kv.get('a'))
    await until('the request arrived', () => fake.seen.length === 1)
    await clock.advance(5_000)
    const error = await failed
    assert.equal(error.code, 'registry_timeout')
    assert.equal(registry.contact.lastError, error)
    assert.equal(clock.pending, 0)
  })

  it('reads uint64 fields exactly', async () => {
    const body =
      '[{"LockIndex":18446744073709551615,"Key":"l","Flags":3304740253564472344,"Value":null,"CreateIndex":9007199254740993,"ModifyIndex":9007199254740995}]'
    const { registry } = await answering({ index: '1', body })
    const entry = await registry.kv.get('l')
    assert.deepEqual(
      [entry?.lockIndex, entry?.flags, entry?.createIndex, entry?.modifyIndex],
      [18446744073709551615n, 3304740253564472344n, 9007199254740993n, 9007199254740995n],
    )
    assert.equal(entry?.value.length, 0)
  })

  it('says that nobody listens when the registry is away', async () => {
    const { fake, registry } = await answering({ body: 'true' })
    await fake.close()
    const error = await failure(registry.kv.get('a'))
    assert.equal(error.code, 'registry_unavailable')
    assert.match(error.message, /nobody listens there/)
  })
})
