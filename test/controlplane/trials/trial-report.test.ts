import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { moved, tried, untried, type Mover } from '../../../src/controlplane/revisions/pointer.ts'
import { TrialReport } from '../../../src/controlplane/trials/trial-report.ts'
import { trialSectionOf, TRIAL_SECTION } from '../../../src/controlplane/trials/trial-section.ts'
import type { RouteTraffic, Traffic } from '../../../src/controlplane/trials/traffic.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { routeTraffic } from './traffic-of.ts'

const [one, two] = ['a', 'b'].map((letter) => letter.repeat(64)) as [string, string]
const mover: Mover = { kind: 'apply', author: 'ann', reason: '', at: '2026-01-01T00:00:00.000Z' }
const limits = { replicas: ['r1'], watchMs: 10_000, minRequests: 50, deadlineMs: 60_000 }
const calm = moved(null, one, mover)
const onTrial = tried(calm, { revision: two, ...limits }, { ...mover, kind: 'trial' })

/** A replica whose traffic and revision a test decides. */
function start(replica: string) {
  const clock = new ManualClock()
  const state = { requests: 0, readings: 0, told: 0, section: null as unknown, pointer: calm, running: one, number: 1 }
  const report = new TrialReport({
    replica,
    revisions: {
      get pointer() {
        return state.pointer
      },
      get standing() {
        return { number: state.number, wanted: state.running, running: state.running, problem: null }
      },
    },
    traffic: async (): Promise<Traffic> => {
      state.readings++
      return new Map([['r', routeTraffic(state.requests)]])
    },
    status: { set: (name, value) => void (assert.equal(name, TRIAL_SECTION), state.told++, (state.section = value)) },
    clock,
  })
  const section = (number = 2) => trialSectionOf({ replica, at: '', sections: { [TRIAL_SECTION]: state.section } }, number)
  const turn = async (changes: Partial<typeof state>): Promise<void> => {
    Object.assign(state, changes)
    report.look()
    await settle()
  }
  return { clock, report, state, section, turn }
}

const requestsIn = (traffic: Traffic | undefined, route = 'r'): RouteTraffic['requests'] | undefined =>
  traffic?.get(route)?.requests

describe('what a replica tells of a trial', () => {
  it('is, of one that tries, what was before it and what came since it runs the revision', async (t) => {
    const { clock, report, section, turn } = start('r1')
    t.after(() => report.close())
    await turn({ pointer: onTrial, requests: 100 })
    assert.equal(section(), null, 'it does not run it yet')
    await turn({ running: two, number: 2, requests: 105 })
    assert.deepEqual([requestsIn(section()?.before), requestsIn(section()?.traffic), section()?.forMs], [100, undefined, 0])
    await turn({ requests: 125 })
    await clock.advance(1_000)
    assert.deepEqual([requestsIn(section()?.before), requestsIn(section()?.traffic), section()?.forMs], [100, 20, 1_000])
    assert.equal(section(3), null, 'of another trial it says nothing')
  })

  it('is, of the others, what came since they know of the trial', async (t) => {
    const { clock, report, section, turn } = start('r2')
    t.after(() => report.close())
    await turn({ pointer: onTrial, requests: 100 })
    await turn({ requests: 130 })
    await clock.advance(1_000)
    assert.deepEqual([section()?.before.size, requestsIn(section()?.traffic, ''), requestsIn(section()?.traffic)], [0, 30, 30])
  })

  it('ends with it, and what was counted in it is nothing to hold the next one against', async (t) => {
    const { clock, report, state, section, turn } = start('r1')
    t.after(() => report.close())
    await turn({ pointer: onTrial, running: two, number: 2, requests: 100 })
    const undone = untried(onTrial, { ...mover, kind: 'undo' })
    await turn({ pointer: undone, running: one, number: 3, requests: 200 })
    assert.deepEqual([state.section, clock.pending], [null, 0])
    await turn({ pointer: tried(undone, { revision: two, ...limits }, mover), running: two, number: 4, requests: 250 })
    assert.equal(requestsIn(section(4)?.before), 50)
  })

  it('of one that was given to all is what was before the next one', async (t) => {
    const { report, section, turn } = start('r1')
    t.after(() => report.close())
    await turn({ pointer: onTrial, running: two, number: 2, requests: 100 })
    const promoted = moved(onTrial, two, { ...mover, kind: 'promote' })
    await turn({ pointer: promoted, number: 3, requests: 200 })
    await turn({ pointer: tried(promoted, { revision: one, ...limits }, mover), running: one, number: 4, requests: 250 })
    assert.equal(requestsIn(section(4)?.before), 250)
  })

  it('is nothing, and costs nothing, while none is on', async (t) => {
    const { clock, report, state, turn } = start('r1')
    t.after(() => report.close())
    await turn({ requests: 100 })
    await turn({ running: two })
    await clock.advance(10_000)
    assert.deepEqual([state.readings, state.told, clock.pending], [0, 0, 0])
  })
})
