import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StandingReport } from '../../src/discovery/outage/registry-standing.ts'
import type { KvState } from '../../src/controlplane/sources/kv-source.ts'
import { Readiness } from '../../src/controlplane/readiness.ts'

const current: StandingReport = { ageMs: 0, lastError: null, stale: false, fromDisk: false }

function start() {
  const facts = {
    standing: { ...current, ageMs: null } as StandingReport,
    generation: 1,
    kv: 'awaited' as KvState,
    hasRoutes: true,
    unsettled: [] as readonly string[],
    revisionProblem: null as string | null,
  }
  const readiness = new Readiness({
    standing: () => facts.standing,
    generation: () => facts.generation,
    kv: () => facts.kv,
    hasRoutes: () => facts.hasRoutes,
    unsettled: () => facts.unsettled,
    revisionProblem: () => facts.revisionProblem,
  })
  return { facts, readiness }
}

describe('a gateway', () => {
  it('is ready when its config, the KV and the instances of every upstream are known', () => {
    const { facts, readiness } = start()
    facts.generation = 0
    assert.deepEqual(readiness.report().reasons, ['no config has been applied yet'])
    facts.generation = 1
    facts.unsettled = ['shop']
    facts.standing = { ...facts.standing, lastError: 'nobody listens there' }
    assert.deepEqual(readiness.report().reasons, [
      'the registry has not answered yet (nobody listens there)',
      'the config in KV has not been read yet',
      'still looking up shop',
    ])
    facts.standing = current
    facts.kv = 'known'
    assert.deepEqual(readiness.report().reasons, ['still looking up shop'])
    facts.unsettled = []
    assert.deepEqual(readiness.report(), {
      ready: true,
      reasons: [],
      generation: 1,
      registry: current,
      draining: false,
    })
  })

  it('that cannot run the revision in force when it starts says why', () => {
    const { facts, readiness } = start()
    facts.standing = current
    facts.revisionProblem = 'only 1 of its 3 pieces are there'
    assert.deepEqual(readiness.report().reasons, ['the revision in force does not run: only 1 of its 3 pieces are there'])
    facts.kv = 'known'
    facts.revisionProblem = null
    assert.equal(readiness.report().ready, true)
    // What fails later takes no traffic away.
    facts.revisionProblem = 'its content does not have the hash that it is named by'
    facts.kv = 'awaited'
    assert.equal(readiness.report().ready, true)
  })

  it('once ready stays so while the registry is away or a new upstream is looked up, and tells the age', () => {
    const { facts, readiness } = start()
    facts.standing = current
    facts.kv = 'known'
    assert.equal(readiness.report().ready, true)
    const away = { ageMs: 90_000, lastError: 'no answer', stale: true, fromDisk: false }
    facts.standing = away
    facts.unsettled = ['new']
    const report = readiness.report()
    assert.equal(report.ready, true)
    assert.deepEqual(report.registry, away)
  })

  it('with static upstreams alone is ready though the registry is away from the start', () => {
    const { facts, readiness } = start()
    facts.standing = { ...facts.standing, lastError: 'nobody listens there' }
    assert.deepEqual(readiness.report().reasons, [
      'the registry has not answered yet (nobody listens there)',
      'the config in KV has not been read yet',
    ])
    facts.kv = 'unavailable'
    assert.equal(readiness.report().ready, true)
  })

  it('that has all its routes in KV waits for them', () => {
    const { facts, readiness } = start()
    facts.kv = 'unavailable'
    facts.hasRoutes = false
    assert.deepEqual(readiness.report().reasons, ['the registry has not answered yet', 'the config in KV has not been read yet'])
    // It answers again, and the next reading of KV is still to come.
    facts.standing = current
    assert.deepEqual(readiness.report().reasons, ['the config in KV has not been read yet'])
    // The disk remembers a KV in which there was no route yet.
    facts.kv = 'known'
    facts.standing = { ...current, fromDisk: true }
    assert.deepEqual(readiness.report().reasons, ['the config in KV has not been read yet'])
    facts.standing = current
    assert.equal(readiness.report().ready, true)
  })

  it('that shuts down is not ready any more', () => {
    const { facts, readiness } = start()
    facts.standing = current
    facts.kv = 'known'
    readiness.report()
    readiness.startDraining()
    const { ready, reasons, draining } = readiness.report()
    assert.deepEqual([ready, reasons, draining], [false, ['the gateway is shutting down'], true])
  })

  it('names no more than ten of what it waits for', () => {
    const { facts, readiness } = start()
    facts.standing = current
    facts.kv = 'known'
    facts.unsettled = Array.from({ length: 12 }, (_, at) => `s${at}`)
    assert.deepEqual(readiness.report().reasons, ['still looking up s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 more'])
  })
})
