import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { livingReplicas, ReplicaStatus } from '../../src/controlplane/replica-status.ts'
import { HeldKeys } from '../../src/registry/held-keys.ts'
import { EventClock } from '../support/event-clock.ts'
import { FleetRegistry } from '../support/fleet-registry.ts'
import { keptLog } from './control-plane.ts'

/** Gateways over one registry. */
function startFleet() {
  const clock = new EventClock()
  const registry = new FleetRegistry(clock)
  const start = (name: string, sections: Readonly<Record<string, unknown>>) => {
    const { registry: seen } = registry.open()
    const { logger, of } = keptLog()
    const keys = new HeldKeys(seen, name)
    const status = new ReplicaStatus({ keys, prefix: 'gateway', name, clock, random: () => 0.5, logger }).start()
    for (const [section, value] of Object.entries(sections)) status.set(section, value)
    const end = async (): Promise<void> => {
      const ended = status.close().then(() => keys.close())
      await clock.advance(100)
      await ended
    }
    return { of, end }
  }
  const told = async (): Promise<unknown> => {
    const reading = livingReplicas(registry.open().registry, 'gateway')
    await clock.advance(10)
    return (await reading).map(({ replica, sections }) => [replica, sections])
  }
  return { clock, registry, start, told }
}

describe('the status of a replica', () => {
  it('that somebody takes out of KV is there again soon', async () => {
    const { clock, registry, start, told } = startFleet()
    const { end, of } = start('gw-1', { a: 1 })
    await clock.advance(1_000)
    registry.wipe()
    assert.deepEqual(await told(), [])
    await clock.advance(11_000)
    assert.deepEqual(await told(), [['gw-1', { a: 1 }]])
    assert.equal(of('replica.name_taken').length, 0)
    await end()
  })

  it('goes with a process that ends, and that of one which took its place stays or comes again', async () => {
    const { clock, start, told } = startFleet()
    const old = start('gw-1', { of: 'the old one' })
    await clock.advance(1_000)
    const { end, of } = start('gw-1', { of: 'the new one' })
    // The old one, which still has requests under way, looks once more.
    await clock.advance(10_500)
    await old.end()
    await clock.advance(11_000)
    assert.deepEqual(await told(), [['gw-1', { of: 'the new one' }]])
    assert.equal(of('replica.name_taken').length, 0)
    await end()
    assert.deepEqual(await told(), [])
  })

  it('tells in the log of another gateway that has its name and stays', async () => {
    const { clock, start } = startFleet()
    const both = [start('gw-1', { a: 1 }), start('gw-1', { a: 2 })]
    await clock.advance(60_000)
    assert.ok(both.some(({ of }) => of('replica.name_taken').length === 1))
    assert.ok(both.every(({ of }) => of('replica.name_taken').length <= 1))
    for (const { end } of both) await end()
  })
})
