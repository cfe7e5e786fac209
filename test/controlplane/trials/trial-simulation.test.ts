import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ReplicaReport } from '../../../src/controlplane/replica-status.ts'
import type { Trial } from '../../../src/controlplane/revisions/pointer.ts'
import { together, type RouteTraffic, type Traffic } from '../../../src/controlplane/trials/traffic.ts'
import { TrialCourse, type Step } from '../../../src/controlplane/trials/trial-course.ts'
import { writeTrialSection } from '../../../src/controlplane/trials/trial-section.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { routeTraffic, traffic } from './traffic-of.ts'

const seed = Number(process.env['MESHGATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const FLEETS = 150
const ROUTES = 4

/** What is wrong with the revision on the first route. */
type Fault = 'none' | 'fails' | 'fails at times' | 'is slow'

const failing: Readonly<Record<Fault, number>> = { none: 0, fails: 1, 'fails at times': 0.4, 'is slow': 0 }

/** A fleet whose routes fail now and then anyway, some more than others. */
function startFleet(random: () => number, fault: Fault) {
  const replicas = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, at) => `r${at}`)
  const trying = replicas.slice(0, Math.max(1, Math.floor(random() * replicas.length)))
  const perSecond = 12 + Math.floor(random() * 30)
  const noise = Array.from({ length: ROUTES }, () => (random() < 0.5 ? 0 : random() * 0.05))
  const count = (of: number, ratio: number): number => Array.from({ length: of }, random).filter((one) => one < ratio).length
  const second = (isTrying: boolean): Traffic =>
    traffic(
      Object.fromEntries(
        noise.map((ratio, at): [string, RouteTraffic] => {
          const isFaulty = isTrying && at === 0
          const requests = Math.floor(perSecond * (0.5 + random()))
          const failures = count(requests, Math.max(ratio, isFaulty ? failing[fault] : 0))
          return [`route-${at}`, routeTraffic(requests, failures, count(requests, isFaulty && fault === 'is slow' ? 0.2 : 0.003))]
        }),
      ),
    )
  const trial: Trial = {
    revision: 'b'.repeat(64),
    number: 7,
    replicas: trying,
    watchMs: 10_000,
    minRequests: 50,
    deadlineMs: 60_000,
  }
  return { replicas, trial, second }
}

/** How a trial ends, and after how many seconds. */
function run(random: () => number, fault: Fault): { readonly end: Step['kind']; readonly tookS: number; readonly text: string } {
  const { replicas, trial, second } = startFleet(random, fault)
  const course = new TrialCourse(trial, 0)
  const before = together(Array.from({ length: 30 }, () => second(false)))
  const served = new Map<string, Traffic>(replicas.map((name) => [name, new Map()]))
  for (let tookS = 1; tookS <= 60; tookS++) {
    const reports = replicas.map((replica): ReplicaReport => {
      const isTrying = trial.replicas.includes(replica)
      const so = together([served.get(replica) ?? new Map(), second(isTrying)])
      served.set(replica, so)
      const section = { number: 7, forMs: tookS * 1_000, traffic: so, before: isTrying ? before : new Map() }
      return { replica, at: '', sections: { trial: writeTrialSection(section) } }
    })
    const step = course.next(reports, tookS * 1_000)
    if (step.kind !== 'wait') return { end: step.kind, tookS, text: `${step.kind} after ${tookS} s: ${step.reason}` }
  }
  return { end: 'wait', tookS: 60, text: 'undecided' }
}

it(`of many fleets with some failures anyway, trials end well or badly as they should (seed ${seed})`, () => {
  const random = seededRandom(seed)
  const runs = (fault: Fault) => Array.from({ length: FLEETS }, () => run(random, fault))
  const [good, bad, flaky, slow] = [runs('none'), runs('fails'), runs('fails at times'), runs('is slow')]
  // Chance may blame one of many.
  const blamed = good.filter(({ end }) => end !== 'promote')
  assert.ok(blamed.length <= 2, `${blamed.length} of ${FLEETS}: ${blamed.map(({ text }) => text).join('\n')}`)
  assert.ok(good.every(({ end, tookS }) => end !== 'promote' || tookS === 10))
  for (const [name, all, { latestS, missed }] of [
    ['fails', bad, { latestS: 5, missed: 0 }],
    ['fails at times', flaky, { latestS: 10, missed: 2 }],
    // Where the p99 of what it is held against is, is a matter of chance too.
    ['is slow', slow, { latestS: 10, missed: 5 }],
  ] as const) {
    const wrong = all.filter(({ end, tookS }) => end !== 'undo' || tookS > latestS)
    assert.ok(wrong.length <= missed, `${name}: ${wrong.map(({ text }) => text).join('\n')}`)
  }
})
