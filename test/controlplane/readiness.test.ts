import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Readiness } from '../../src/controlplane/readiness.ts'
import { GatewayError } from '../../src/errors.ts'
import { ManualClock } from '../support/manual-clock.ts'

function start() {
  const clock = new ManualClock()
  const facts = {
    contact: { freshSince: null as number | null, lastError: null as GatewayError | null },
    generation: 1,
    hasReadKv: false,
    unsettled: [] as readonly string[],
  }
  const readiness = new Readiness({
    clock,
    contact: () => facts.contact,
    generation: () => facts.generation,
    hasReadKv: () => facts.hasReadKv,
    unsettled: () => facts.unsettled,
  })
  return { clock, facts, readiness }
}

describe('a gateway', () => {
  it('is ready when its config, the KV and the instances of every upstream are known', () => {
    const { facts, readiness } = start()
    facts.generation = 0
    assert.deepEqual(readiness.report().reasons, ['no config has been applied yet'])
    facts.generation = 1
    facts.unsettled = ['shop']
    facts.contact.lastError = new GatewayError('registry_unavailable', 'nobody listens there')
    assert.deepEqual(readiness.report().reasons, [
      'the registry has not answered yet (nobody listens there)',
      'the config in KV has not been read yet',
      'still looking up shop',
    ])
    facts.contact = { freshSince: 0, lastError: null }
    facts.hasReadKv = true
    assert.deepEqual(readiness.report().reasons, ['still looking up shop'])
    facts.unsettled = []
    assert.deepEqual(readiness.report(), {
      ready: true,
      reasons: [],
      generation: 1,
      registry: { ageMs: 0, lastError: null },
      draining: false,
    })
  })

  it('once ready stays so while the registry is away or a new upstream is looked up, and tells the age', async () => {
    const { clock, facts, readiness } = start()
    facts.contact = { freshSince: 0, lastError: null }
    facts.hasReadKv = true
    assert.equal(readiness.report().ready, true)
    facts.contact.lastError = new GatewayError('registry_timeout', 'no answer')
    facts.unsettled = ['new']
    await clock.advance(90_000)
    const report = readiness.report()
    assert.equal(report.ready, true)
    assert.deepEqual(report.registry, { ageMs: 90_000, lastError: 'no answer' })
  })

  it('that shuts down is not ready any more', () => {
    const { facts, readiness } = start()
    facts.contact = { freshSince: 0, lastError: null }
    facts.hasReadKv = true
    readiness.report()
    readiness.startDraining()
    const { ready, reasons, draining } = readiness.report()
    assert.deepEqual([ready, reasons, draining], [false, ['the gateway is shutting down'], true])
  })

  it('names no more than ten of what it waits for', () => {
    const { facts, readiness } = start()
    facts.contact = { freshSince: 0, lastError: null }
    facts.hasReadKv = true
    facts.unsettled = Array.from({ length: 12 }, (_, at) => `s${at}`)
    assert.deepEqual(readiness.report().reasons, ['still looking up s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 more'])
  })
})
