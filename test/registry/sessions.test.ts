import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { silentLogger } from '../../src/logging.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import type { Registry, Session } from '../../src/registry/registry.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { startScriptedRegistry, type Scripted, type ScriptedRegistry } from './scripted-registry.ts'

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const options = { name: 'test', ttlMs: 10_000, lockDelayMs: 2_000, behavior: 'release' } as const

interface Opened {
  readonly fake: ScriptedRegistry
  readonly clock: ManualClock
  readonly registry: Registry
  readonly session: Session
}

/** A session whose renewals are answered as `renewal` says. */
async function openSession(renewal: (nth: number) => Scripted): Promise<Opened> {
  let renewals = 0
  const fake = await startScriptedRegistry((_, { path }) => {
    if (path === '/v1/session/create') return { body: '{"ID":"3f1a"}' }
    return path.startsWith('/v1/session/renew/') ? renewal(renewals++) : { body: 'true' }
  })
  cleanups.push(fake.close)
  const clock = new ManualClock()
  const registry = openConsulRegistry({
    address: fake.address,
    token: null,
    datacenter: null,
    clock,
    random: () => 0.5,
    logger: silentLogger,
  })
  cleanups.push(() => registry.close())
  return { fake, clock, registry, session: await registry.openSession(options) }
}

const renewed: Scripted = { body: '[{"ID":"3f1a"}]' }

function renewals({ seen }: ScriptedRegistry): number {
  return seen.filter(({ path }) => path === '/v1/session/renew/3f1a').length
}

describe('a session', () => {
  it('is created with its TTL and lock-delay, and with no checks that could end it', async () => {
    const { fake } = await openSession(() => renewed)
    assert.deepEqual(JSON.parse(fake.seen[0]?.body ?? ''), {
      Name: 'test',
      TTL: '10000ms',
      LockDelay: '2000ms',
      Behavior: 'release',
      NodeChecks: [],
    })
  })

  it('is renewed every third of its TTL, and lives on from the moment when the renewal was sent', async () => {
    const { fake, clock, session } = await openSession(() => renewed)
    assert.equal(session.aliveUntil, 10_000)
    await clock.advance(3_334)
    await until('the renewal was answered', () => session.aliveUntil > 10_000)
    assert.equal(renewals(fake), 1)
    assert.ok(session.aliveUntil >= 13_333 && session.aliveUntil <= 13_334, String(session.aliveUntil))
    assert.equal(session.lost.aborted, false)
  })

  it('is lost at once when the registry does not know it any more', async () => {
    const { clock, session } = await openSession(() => ({ status: 404, body: "Session id '3f1a' not found" }))
    await clock.advance(3_334)
    await until('it is lost', () => session.lost.aborted)
    assert.equal((session.lost.reason as { code?: string }).code, 'session_lost')
    assert.ok(session.aliveUntil <= clock.monotonic())
  })

  it('is lost when its TTL has passed although the registry hangs, and not earlier', async () => {
    const { clock, session } = await openSession(() => 'hang')
    await clock.advance(9_999)
    assert.equal(session.lost.aborted, false)
    await clock.advance(1)
    assert.equal(session.lost.aborted, true)
  })

  it('survives renewals that fail as long as one succeeds in time', async () => {
    const { fake, clock, session } = await openSession((nth) => (nth < 2 ? { status: 500, body: 'No cluster leader' } : renewed))
    await until('a renewal succeeded', async () => {
      await clock.advance(50)
      return session.aliveUntil > 10_000
    })
    assert.equal(renewals(fake), 3)
    assert.ok(clock.monotonic() < 10_000)
    assert.equal(session.lost.aborted, false)
  })

  it('is destroyed on the registry when it is closed, and renewed no more', async () => {
    const { fake, clock, session } = await openSession(() => renewed)
    await session.close()
    assert.equal(fake.seen.at(-1)?.path, '/v1/session/destroy/3f1a')
    await clock.advance(60_000)
    assert.equal(renewals(fake), 0)
    assert.equal(clock.pending, 0)
  })

  it('is destroyed when the registry client is closed', async () => {
    const { fake, registry } = await openSession(() => renewed)
    await registry.close()
    assert.equal(fake.seen.at(-1)?.path, '/v1/session/destroy/3f1a')
  })
})
