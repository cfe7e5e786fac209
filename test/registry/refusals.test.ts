import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pulse } from '../../src/discovery/pulse.ts'
import { GatewayError } from '../../src/errors.ts'
import { HeldKeys } from '../../src/registry/held-keys.ts'
import { Refusals } from '../../src/registry/refusals.ts'
import { keptLog } from '../controlplane/control-plane.ts'
import { EventClock } from '../support/event-clock.ts'
import { FleetRegistry } from '../support/fleet-registry.ts'

const refused = new GatewayError('registry_refused', 'answered 403')
const unavailable = new GatewayError('registry_unavailable', 'nobody listens there')
const WARN = 40

function start() {
  const clock = new EventClock()
  const { logger, of } = keptLog()
  const refusals = new Refusals({ clock, logger, event: 'it.failed', text: 'it cannot be told' })
  const noteFor = async (seconds: number, error: Error): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      refusals.note(error)
      await clock.advance(1_000)
    }
  }
  return { refusals, noteFor, levels: () => of('it.failed').map(({ level }) => level), lines: () => of('it.failed') }
}

describe('what a registry refuses', () => {
  it('is told once when it lasts, with the reason, and again after it has gone well', async () => {
    const { refusals, noteFor, levels, lines } = start()
    await noteFor(9, refused)
    assert.ok(!levels().includes(WARN))
    await noteFor(30, refused)
    assert.deepEqual(levels(), [20, WARN])
    assert.equal(lines()[1]?.msg, 'it cannot be told: answered 403')
    refusals.clear()
    await noteFor(12, refused)
    assert.deepEqual(levels(), [20, WARN, 20, WARN])
  })

  it('is not told of a registry that is away, of which others tell, nor of what passes', async () => {
    const { noteFor, levels } = start()
    for (let turn = 0; turn < 5; turn++) {
      await noteFor(8, refused)
      await noteFor(8, unavailable)
    }
    assert.deepEqual(levels(), [20])
  })

  it('is told of a replica whose pulse may not be written, which would keep a limit of the cluster alone without a word', async () => {
    const clock = new EventClock()
    const { logger, of } = keptLog()
    const { registry, refuse } = new FleetRegistry(clock).open()
    refuse('gateway/pulse/')
    const pulse = new Pulse({ registry, prefix: 'gateway', clock, random: () => 0.5, logger })
    pulse.knowAs('gw-1', new HeldKeys(registry, 'gw-1'))
    pulse.wish('quotas', { everyMs: 500 })
    await clock.advance(15_000)
    const told = of('pulse.failed').filter(({ level }) => level === WARN)
    assert.match(told.map(({ msg }) => msg).join(), /^the other replicas cannot be told that this one lives, .+ is refused$/)
    const closing = pulse.close()
    await clock.advance(2_000)
    await closing
  })
})
