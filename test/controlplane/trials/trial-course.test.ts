import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { ReplicaReport } from '../../../src/controlplane/replica-status.ts'
import type { Trial } from '../../../src/controlplane/revisions/pointer.ts'
import { TrialCourse, type Step } from '../../../src/controlplane/trials/trial-course.ts'
import type { RouteTraffic } from '../../../src/controlplane/trials/traffic.ts'
import { writeTrialSection } from '../../../src/controlplane/trials/trial-section.ts'
import { routeTraffic, traffic } from './traffic-of.ts'

const [now, next] = ['a'.repeat(64), 'b'.repeat(64)]
const trial: Trial = { revision: next, number: 7, replicas: ['r1'], watchMs: 10_000, minRequests: 50, deadlineMs: 60_000 }
const at = '2026-01-01T00:00:00.000Z'

interface Told {
  readonly forMs: number
  readonly served: RouteTraffic
  readonly before?: RouteTraffic
  readonly number?: number
}

/** One that tries, or another one; null: it tells nothing of the trial. */
function replica(name: string, told: Told | null, problem: string | null = null): ReplicaReport {
  const isTrying = trial.replicas.includes(name)
  const revision = { number: isTrying ? 7 : 6, wanted: isTrying ? next : now, running: isTrying ? next : now, problem }
  if (!told) return { replica: name, at, sections: { revision } }
  const { forMs, served, before = routeTraffic(0), number = 7 } = told
  const section = writeTrialSection({ number, forMs, traffic: traffic({ r: served }), before: traffic({ r: before }) })
  return { replica: name, at, sections: { revision, trial: JSON.parse(JSON.stringify(section)) as unknown } }
}

const fine = routeTraffic(1_000)

function undone(step: Step, reason: RegExp): void {
  assert.equal(step.kind, 'undo')
  assert.match(step.kind === 'undo' ? step.reason : '', reason)
}

describe('a trial', () => {
  let course: TrialCourse
  beforeEach(() => {
    course = new TrialCourse(trial, 0)
  })
  const waits = (...reports: readonly ReplicaReport[]): void => assert.equal(course.next(reports, 1_000).kind, 'wait')

  it('ends well when those that try it were watched long enough with enough requests, and are no worse', () => {
    const others = replica('r2', { forMs: 12_000, served: fine })
    waits(replica('r1', { forMs: 9_999, served: fine }), others)
    waits(replica('r1', { forMs: 11_000, served: routeTraffic(49) }), others)
    const step = course.next([replica('r1', { forMs: 12_000, served: routeTraffic(50) }), others], 12_000)
    assert.deepEqual(step, {
      kind: 'promote',
      reason: 'one replica served 50 requests by it in 10s or more, no worse than else (0 failed)',
    })
  })

  it('is ended as soon as they are worse than the others and than before', () => {
    const bad = { forMs: 1_000, served: routeTraffic(40, 20) }
    waits(replica('r1', bad), replica('r2', { forMs: 900, served: routeTraffic(400, 200) }))
    waits(replica('r1', { ...bad, before: routeTraffic(400, 200) }), replica('r2', { forMs: 900, served: fine }))
    undone(
      course.next([replica('r1', { ...bad, before: fine }), replica('r2', { forMs: 900, served: fine })], 2_000),
      /^route r: 20 of 40 requests failed, 0 of 1000 at the others, 0 of 1000 before$/,
    )
  })

  it('in a fleet of one is held against what was before', () => {
    waits(replica('r1', { forMs: 1_000, served: routeTraffic(40, 20), before: routeTraffic(100, 50) }))
    undone(course.next([replica('r1', { forMs: 1_000, served: routeTraffic(40, 20), before: fine })], 2_000), /0 of 1000 before/)
  })

  it('holds nothing against it that is told of another trial', () => {
    waits(replica('r1', { forMs: 99_000, served: routeTraffic(40, 40), number: 6 }))
    waits(replica('r1', { forMs: 1_000, served: fine }), replica('r2', { forMs: 1, served: fine, number: 6 }))
  })

  it('without enough requests, or that does not begin, is ended at its deadline', () => {
    const few = replica('r1', { forMs: 59_000, served: routeTraffic(3) })
    assert.equal(course.next([few], 59_999).kind, 'wait')
    undone(
      course.next([few], 60_000),
      /^after 1m 3 requests are too few to judge it by \(50 were asked for, by --min-requests\)$/,
    )
    undone(new TrialCourse(trial, 0).next([replica('r1', null)], 60_000), /^after 1m 1 of 1 did not run it$/)
    // The second leader has seen the last second of it only.
    undone(new TrialCourse(trial, 0).next([replica('r1', { forMs: 60_000, served: routeTraffic(3) })], 0), /too few/)
  })

  it('is ended when a replica that tries it is gone for good', () => {
    assert.equal(course.next([], 0).kind, 'wait')
    waits(replica('r1', null))
    assert.equal(course.next([], 2_000).kind, 'wait')
    assert.equal(course.next([], 6_999).kind, 'wait')
    undone(course.next([], 7_000), /^r1, which tried it, is gone$/)
  })

  it('is ended when a replica that tries it has started again', () => {
    waits(replica('r1', { forMs: 8_000, served: fine }))
    waits(replica('r1', null))
    undone(course.next([replica('r1', { forMs: 500, served: fine })], 2_000), /^r1 has started again while it tried it$/)
  })

  it('is ended when a replica that tries it cannot run it, unless that passes', () => {
    const refusing = replica('r1', null, 'b/x.yaml:1:1 routes: no')
    assert.equal(course.next([refusing], 0).kind, 'wait')
    assert.equal(course.next([replica('r1', null)], 500).kind, 'wait')
    assert.equal(course.next([refusing], 600).kind, 'wait')
    undone(course.next([refusing], 1_600), /^r1 cannot run it: b\/x\.yaml:1:1 routes: no$/)
  })
})
