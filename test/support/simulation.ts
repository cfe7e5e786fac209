import type { Random } from '../../src/clock.ts'
import type { Endpoint } from '../../src/dataplane/upstream/endpoint.ts'
import type { MemberUpdate } from '../../src/dataplane/upstream/members.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import { askerWith } from './balancing.ts'
import { EventClock } from './event-clock.ts'
import { seededRandom } from './seeded-random.ts'
import { upstreamPolicy, type PolicyParts } from './upstream-policy.ts'

/** How an instance behaves, each at a time in ms from the begin. */
export interface Behaviour {
  /** Mean of the exponentially distributed time that it works on a request, ms. */
  readonly workMs: (at: number) => number
  /** The share of requests that it refuses at once with 503. */
  readonly failing?: (at: number) => number
  /** Whether it takes connections. */
  readonly isUp?: (at: number) => boolean
  /** When it is registered; default: from the begin. */
  readonly joinsAt?: number
}

export interface Scenario {
  readonly instances: readonly Behaviour[]
  readonly requestsPerSecond: number
  readonly seconds: number
  /** What came before is not counted: queues and averages have to settle. */
  readonly settleSeconds?: number
  /** Requests that an instance works on at a time, others wait there; default: 4. */
  readonly concurrency?: number
  readonly policy?: PolicyParts
  readonly seed?: number
}

export interface Outcome {
  readonly requests: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errorRatio: number
  /** Attempts per request. */
  readonly load: number
  readonly ejections: number
  /** Attempts at each instance in each second, the settling ones left out. */
  readonly perSecond: readonly (readonly number[])[]
}

/** A probe tells that an instance is up or down so much later, ms. */
const PROBE_DELAY_MS = 1_000
const LOOK_EVERY_MS = 250

/** Sends Poisson traffic through a real upstream (balancer, slow start, outliers, retries) to modelled instances. No socket, no real time. */
export function simulate(kind: string, scenario: Scenario): Outcome {
  return new Simulation(kind, scenario).run()
}

class Simulation {
  readonly #clock = new EventClock()
  readonly #random: Random
  readonly #scenario: Scenario
  readonly #upstream: Upstream
  readonly #instances: readonly SimulatedInstance[]
  readonly #latencies: number[] = []
  #requests = 0
  #errors = 0
  #published = ''

  constructor(kind: string, scenario: Scenario) {
    this.#random = seededRandom(scenario.seed ?? 1)
    this.#scenario = scenario
    const policy = upstreamPolicy({ ...scenario.policy, balance: { kind, options: {} } })
    this.#upstream = new Upstream('simulated', policy, { clock: this.#clock, random: seededRandom(scenario.seed ?? 1) })
    const { instances, concurrency = 4 } = scenario
    const deps = { clock: this.#clock, random: this.#random, concurrency }
    this.#instances = instances.map((behaviour) => new SimulatedInstance(behaviour, deps))
  }

  run(): Outcome {
    this.#look()
    this.#arrive()
    this.#clock.runUntil(this.#scenario.seconds * 1_000)
    this.#latencies.sort((a, b) => a - b)
    const at = (share: number): number => this.#latencies[Math.floor(share * this.#latencies.length)] ?? 0
    const perSecond = this.#instances.map(({ perSecond }) => this.#settled(perSecond))
    const attempts = perSecond.flat().reduce((sum, count) => sum + count, 0)
    return {
      requests: this.#requests,
      meanMs: this.#latencies.reduce((sum, one) => sum + one, 0) / this.#latencies.length,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      errorRatio: this.#errors / this.#requests,
      load: attempts / this.#requests,
      ejections: this.#upstream.stats.ejections,
      perSecond,
    }
  }

  #settled(perSecond: readonly number[]): readonly number[] {
    const { seconds, settleSeconds = 0 } = this.#scenario
    return Array.from({ length: seconds - settleSeconds }, (_, at) => perSecond[at + settleSeconds] ?? 0)
  }

  /** Probes: what they tell is what was true a while ago. */
  #look(): void {
    const then = Math.max(0, this.#clock.monotonic() - PROBE_DELAY_MS)
    const members = this.#instances.flatMap(({ behaviour: { joinsAt = 0, isUp } }, at): MemberUpdate[] => {
      if (joinsAt > then) return []
      const exclusion = isUp && !isUp(then) ? 'probe_failing' : null
      return [{ id: `i${at}`, address: { host: '127.0.0.1', port: at + 1 }, weight: 1, exclusion }]
    })
    const next = JSON.stringify(members)
    if (next !== this.#published) this.#upstream.setMembers(members)
    this.#published = next
    this.#clock.after(LOOK_EVERY_MS, () => this.#look())
  }

  #arrive(): void {
    const gapMs = (-Math.log(1 - this.#random()) * 1_000) / this.#scenario.requestsPerSecond
    this.#clock.after(gapMs, () => {
      this.#arrive()
      if (this.#isSettled(this.#clock.monotonic())) this.#requests++
      this.#upstream.budget.earn(this.#upstream.policy.retry.budgetRatio)
      this.#attempt(Math.floor(this.#random() * 5_000), this.#clock.monotonic(), [])
    })
  }

  #attempt(client: number, since: number, tried: readonly Endpoint[]): void {
    const endpoint = this.#upstream.pick(askerWith(client), tried)
    const instance = endpoint && this.#instances[endpoint.address.port - 1]
    if (!instance) return this.#done(since, false)
    const startedAt = this.#clock.monotonic()
    endpoint.inFlight++
    instance.take((answer) => {
      endpoint.inFlight--
      const now = this.#clock.monotonic()
      if (answer === 'refused') this.#upstream.noteFailure(endpoint, { code: 'upstream_connect_failed', detail: '' })
      else {
        endpoint.latency.observe(now - startedAt, now)
        this.#upstream.noteAnswer(endpoint, { status: answer, tookMs: now - startedAt })
      }
      if (answer === 200) return this.#done(since, true)
      if (tried.length > 0 || (answer === 503 && !this.#upstream.budget.spend(now))) return this.#done(since, false)
      this.#attempt(client, since, [...tried, endpoint])
    })
  }

  #isSettled(at: number): boolean {
    return at >= (this.#scenario.settleSeconds ?? 0) * 1_000
  }

  #done(since: number, isGood: boolean): void {
    if (!this.#isSettled(since)) return
    if (isGood) this.#latencies.push(this.#clock.monotonic() - since)
    else this.#errors++
  }
}

type Answer = 200 | 503 | 'refused'

interface InstanceDeps {
  readonly clock: EventClock
  readonly random: Random
  readonly concurrency: number
}

class SimulatedInstance {
  readonly behaviour: Behaviour
  /** Attempts taken. */
  readonly perSecond: number[] = []
  readonly #deps: InstanceDeps
  readonly #waiting: (() => void)[] = []
  #working = 0

  constructor(behaviour: Behaviour, deps: InstanceDeps) {
    this.behaviour = behaviour
    this.#deps = deps
  }

  take(answer: (answer: Answer) => void): void {
    const { clock, random } = this.#deps
    const now = clock.monotonic()
    const second = Math.floor(now / 1_000)
    this.perSecond[second] = (this.perSecond[second] ?? 0) + 1
    const { isUp, failing } = this.behaviour
    if (isUp && !isUp(now)) return void clock.after(1, () => answer('refused'))
    if (failing && random() < failing(now)) return void clock.after(1, () => answer(503))
    this.#waiting.push(() => answer(200))
    this.#work()
  }

  #work(): void {
    const { clock, random, concurrency } = this.#deps
    if (this.#working >= concurrency) return
    const answer = this.#waiting.shift()
    if (!answer) return
    this.#working++
    const workMs = -Math.log(1 - random()) * this.behaviour.workMs(clock.monotonic())
    clock.after(workMs, () => {
      this.#working--
      answer()
      this.#work()
    })
  }
}
