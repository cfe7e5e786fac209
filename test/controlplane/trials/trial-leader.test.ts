import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Leadership } from '../../../src/registry/election.ts'
import { statusFolder } from '../../../src/controlplane/replica-status.ts'
import { moved, pointerKey, readPointer, tried, type Mover, type Pointer } from '../../../src/controlplane/revisions/pointer.ts'
import { TrialLeader } from '../../../src/controlplane/trials/trial-leader.ts'
import { writeTrialSection } from '../../../src/controlplane/trials/trial-section.ts'
import type { KvEntry } from '../../../src/registry/registry.ts'
import { GatewayError } from '../../../src/errors.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { keptLog } from '../control-plane.ts'
import { memoryRegistry } from '../memory-registry.ts'
import { routeTraffic, traffic } from './traffic-of.ts'

const [one, two, three] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string]
const mover: Mover = { kind: 'apply', author: 'ann', reason: '', at: '2026-01-01T00:00:00.000Z' }
const limits = { replicas: ['r1'], watchMs: 10_000, minRequests: 50, deadlineMs: 60_000 }
const onTrial = tried(moved(null, one, mover), { revision: two, ...limits }, { ...mover, kind: 'trial' })
const term: Leadership = { term: 1n, lost: new AbortController().signal, heldUntil: Infinity }

/** Gateways over one KV, in the time of a test. */
class Fleet {
  readonly clock = new ManualClock()
  readonly log = keptLog()
  isAway = false
  readonly #memory = memoryRegistry()
  readonly #leaders: TrialLeader[] = []
  readonly #heard: { pointer: Pointer | null } = { pointer: null }
  readonly registry = {
    kv: {
      ...this.#memory.kv,
      get: async (key: string) => this.#memory.kv.get(this.#reached(key)),
      // What a replica tells is held by a session, which a KV store in memory does not have.
      list: async (prefix: string): Promise<KvEntry[]> =>
        (await this.#memory.kv.list(this.#reached(prefix))).map((entry) => ({ ...entry, session: 's' })),
    },
  }

  async point(pointer: Pointer): Promise<void> {
    await this.#memory.kv.put(pointerKey('g'), JSON.stringify(pointer))
    await this.hear()
  }

  /** All gateways are told of the pointer as it is. */
  async hear(): Promise<void> {
    this.#heard.pointer = await this.pointer()
    for (const leader of this.#leaders) leader.look()
  }

  async pointer(): Promise<Pointer> {
    const entry = await this.#memory.kv.get(pointerKey('g'))
    const pointer = entry && readPointer(entry.value)
    assert.ok(pointer)
    return pointer
  }

  async tell(forMs: number, failures: number): Promise<void> {
    const served = traffic({ r: routeTraffic(100, failures) })
    const trial = writeTrialSection({ number: onTrial.trial?.number ?? 0, forMs, traffic: served, before: new Map() })
    const revision = { number: 2, wanted: two, running: two, problem: null }
    await this.#memory.kv.put(
      `${statusFolder('g')}r1`,
      JSON.stringify({ replica: 'r1', at: mover.at, sections: { revision, trial } }),
    )
  }

  start(election: { current: Leadership | null }): TrialLeader {
    const { registry, clock, log } = this
    const leader = new TrialLeader({ registry, prefix: 'g', election, revisions: this.#heard, clock, logger: log.logger })
    this.#leaders.push(leader)
    return leader
  }

  close(): void {
    for (const leader of this.#leaders) leader.close()
  }

  #reached(key: string): string {
    if (this.isAway) throw new GatewayError('registry_unavailable', 'away')
    return key
  }
}

describe('the leader', () => {
  let fleet: Fleet
  beforeEach((t) => {
    fleet = new Fleet()
    if ('after' in t) t.after(() => fleet.close())
  })

  it('gives a revision to all when its trial ends well, and writes down why', async () => {
    const leader = fleet.start({ current: term })
    await fleet.tell(10_000, 0)
    await fleet.point(onTrial)
    await fleet.clock.advance(1_000)
    const { revision, trial, moves } = await fleet.pointer()
    assert.deepEqual([revision, trial, moves[0]?.kind, moves[0]?.author], [two, null, 'promote', 'meshgate'])
    assert.match(moves[0]?.reason ?? '', /^one replica served 100 requests by it/)
    assert.equal(fleet.log.of('trial.promoted').length, 1)
    assert.deepEqual(leader.ended, { promote: 1, undo: 0 })
    await fleet.hear()
    await fleet.clock.advance(5_000)
    assert.equal(fleet.clock.pending, 0, 'nothing is done when no trial is on')
  })

  it('takes one back that fails, and writes down why', async () => {
    const leader = fleet.start({ current: term })
    await fleet.tell(1_000, 100)
    await fleet.point(onTrial)
    await fleet.clock.advance(1_000)
    const { revision, trial, moves } = await fleet.pointer()
    assert.deepEqual([revision, trial, moves[0]?.kind, moves[0]?.revision], [one, null, 'undo', two])
    assert.match(moves[0]?.reason ?? '', /^route r: 100 of 100 requests failed/)
    assert.deepEqual(leader.ended, { promote: 0, undo: 1 })
  })

  it('that dies is followed by another one, who goes on with what is in KV', async () => {
    const [first, second] = [{ current: term as Leadership | null }, { current: null as Leadership | null }]
    fleet.start(first)
    const next = fleet.start(second)
    await fleet.tell(5_000, 0)
    await fleet.point(onTrial)
    await fleet.clock.advance(3_000)
    assert.equal((await fleet.pointer()).trial?.number, 2)
    first.current = null
    await fleet.tell(12_000, 0)
    await fleet.clock.advance(3_000)
    assert.equal((await fleet.pointer()).trial?.number, 2, 'nobody leads')
    second.current = { ...term, term: 2n }
    await fleet.clock.advance(1_000)
    assert.equal((await fleet.pointer()).revision, two)
    assert.deepEqual(next.ended, { promote: 1, undo: 0 })
  })

  it('does nothing while the registry is away, and decides by what is told after that', async () => {
    fleet.start({ current: term })
    await fleet.tell(5_000, 0)
    await fleet.point(onTrial)
    await fleet.clock.advance(2_000)
    fleet.isAway = true
    await fleet.clock.advance(120_000)
    fleet.isAway = false
    assert.deepEqual((await fleet.pointer()).moves.length, 2)
    await fleet.tell(127_000, 0)
    await fleet.clock.advance(1_000)
    assert.equal((await fleet.pointer()).revision, two)
  })

  it('leaves the pointer to a person who moves it at the same moment', async () => {
    const leader = fleet.start({ current: term })
    const { list } = fleet.registry.kv
    fleet.registry.kv.list = async (prefix) => {
      const found = await list(prefix)
      // Between what the leader has read and what it writes.
      if (prefix === statusFolder('g')) await fleet.point(moved(await fleet.pointer(), three, mover))
      return found
    }
    await fleet.tell(10_000, 0)
    await fleet.point(onTrial)
    await fleet.clock.advance(3_000)
    const { revision, moves } = await fleet.pointer()
    assert.deepEqual([revision, moves.map(({ kind }) => kind)], [three, ['apply', 'trial', 'apply']])
    assert.deepEqual(leader.ended, { promote: 0, undo: 0 })
  })
})
