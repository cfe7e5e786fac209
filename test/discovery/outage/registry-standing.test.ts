import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RegistryStanding } from '../../../src/discovery/outage/registry-standing.ts'
import { GatewayError } from '../../../src/errors.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { keptLog } from '../../controlplane/control-plane.ts'

function start() {
  const [clock, log] = [new ManualClock(), keptLog()]
  const facts = { freshSince: null as number | null, lastError: null as GatewayError | null }
  const stale: (number | null)[] = []
  const standing = new RegistryStanding({
    contact: () => facts,
    lastGood: null,
    clock,
    logger: log.logger,
    onStale: (since) => void stale.push(since),
  }).start()
  return { clock, log, facts, stale, standing }
}

describe('a registry', () => {
  it('is away when its last answer is older than 6 s and the last request failed, and that is told once', async () => {
    const { clock, facts, log, stale, standing } = start()
    facts.freshSince = 0
    facts.lastError = new GatewayError('registry_timeout', 'no answer')
    await clock.advance(6_000)
    assert.deepEqual([standing.report().stale, stale], [false, []])
    await clock.advance(35_000)
    assert.deepEqual(standing.report(), { ageMs: 41_000, lastError: 'no answer', stale: true, fromDisk: false })
    assert.deepEqual(stale, [0])
    assert.equal(log.of('registry.away').length, 1)
    facts.freshSince = clock.monotonic()
    facts.lastError = null
    await clock.advance(1_000)
    assert.deepEqual(stale, [0, null])
    assert.match(log.of('registry.back')[0]?.msg ?? '', /answers again, after 42s/)
    standing.close()
  })

  it('that is quiet is not away', async () => {
    const { clock, facts, stale, standing } = start()
    facts.freshSince = 0
    await clock.advance(60_000)
    assert.deepEqual([standing.report().ageMs, stale], [60_000, []])
    standing.close()
    assert.equal(clock.pending, 0)
  })

  it('that has never answered has no age', () => {
    const { standing, facts } = start()
    facts.lastError = new GatewayError('registry_timeout', 'no answer')
    assert.deepEqual(standing.report(), { ageMs: null, lastError: 'no answer', stale: false, fromDisk: false })
  })
})
