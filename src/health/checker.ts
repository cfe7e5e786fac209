import { isDeepStrictEqual } from 'node:util'
import type { Address } from '../address.ts'
import type { Clock, Random, Timer } from '../clock.ts'
import { formatDurationMs } from '../durations.ts'
import { messageOf } from '../errors.ts'
import type { HealthPolicy } from './policy.ts'
import type { Probe, ProbeResult } from './probe.ts'
import { Rise } from './rise.ts'
import { nextState, unprobed, type HealthState, type Verdict } from './state.ts'

/** Probes of one endpoint start at least this far apart, ms, however often trouble is reported. */
const MIN_GAP_MS = 100

/** An endpoint that has never passed is probed again after so long, then twice as long, until the schedule is as quick, ms. */
const EARLY_MS = 200

/** A deadline that comes later than this tells that our own process stood still, ms. */
const OWN_DELAY_MS = 100

export interface CheckerOptions {
  readonly target: Address
  readonly policy: HealthPolicy
  readonly probe: Probe
  readonly clock: Clock
  readonly random: Random
  /** What is known of the endpoint already; then the first probe goes out at some time within the interval. Absent: nothing. */
  readonly known?: { readonly verdict: Verdict; readonly detail: string } | undefined
  /** Called when the verdict changes; never from inside `startChecker`, never after `close`. */
  onChange(state: Verdict, detail: string): void
  /** Called after each probe, whatever it found. */
  onProbed?(): void
}

export interface Checker {
  readonly state: Verdict
  /** What the last probe found, for people. */
  readonly detail: string
  /** Monotonic ms of the last change of state. */
  readonly since: number
  /** Whether the last probe speaks against the verdict. */
  readonly wavers: boolean
  /** Probes soon, outside the schedule: after the probe under way, and not sooner than 100 ms after the start of the last one. */
  probeNow(): void
  /** The same in place of the next one on schedule, so that no more are sent. */
  probeInstead(): void
  /** Takes over somebody else's verdict, of which the last probe speaks. */
  adopt(verdict: Verdict): void
  /** Keeps the verdict. If the kind of probe or its options differ, the counts start anew and the first such probe goes out at once. */
  setPolicy(policy: HealthPolicy, probe: Probe): void
  close(): void
}

/** Probes an endpoint at once and then on schedule, one probe at a time. Closed by the caller. */
export function startChecker(options: CheckerOptions): Checker {
  const { target, clock, random } = options
  let { policy, probe } = options
  const isKnown = options.known !== undefined && options.known.verdict !== 'unknown'
  let health: HealthState = isKnown ? { verdict: options.known.verdict, against: 0, hasPassed: true } : unprobed
  let detail = options.known?.detail ?? ''
  let since = clock.monotonic()
  let startedAt = -Infinity
  let plannedAt = since
  let scheduled: Timer | null = null
  let soon: Timer | null = null
  let early: Timer | null = null
  let earlyProbes = 0
  const rise = new Rise()
  let running: AbortController | null = null
  let again = false
  let skipsNext = false
  let closed = false

  const settle = (result: ProbeResult): void => {
    const before = health.verdict
    health = nextState(health, result.ok, policy)
    detail = result.detail
    if (!health.hasPassed) probeAsNew()
    const riseInMs = rise.nextInMs(health, policy)
    if (riseInMs !== null) probeIn(riseInMs)
    if (health.verdict !== before) turnFrom(before)
  }

  const turnFrom = (before: Verdict): void => {
    since = clock.monotonic()
    if (before !== 'unknown') rise.note(health.verdict, since, policy)
    if (policy.everyUnhealthyMs !== null || health.verdict === 'unhealthy') reschedule()
    options.onChange(health.verdict, detail)
  }

  const start = async (): Promise<void> => {
    const own = new AbortController()
    running = own
    again = false
    startedAt = clock.monotonic()
    const result = await probeWithDeadline(probe, own, { target, clock, timeoutMs: policy.timeoutMs })
    // Aborted from outside: the checker is closed, or this probe is of a kind that is no longer wanted.
    if (running !== own) return
    running = null
    settle(result)
    options.onProbed?.()
    if (again) probeNow()
  }

  const probeNow = (): void => {
    if (closed || soon) return
    if (running) {
      again = true
      return
    }
    const waitMs = startedAt + MIN_GAP_MS - clock.monotonic()
    if (waitMs <= 0) return void start()
    soon = clock.after(waitMs, () => {
      soon = null
      probeNow()
    })
  }

  // An instance often registers just before its port listens: waiting a whole interval for it would help nobody.
  const probeAsNew = (): void => {
    if (probeIn(EARLY_MS * 2 ** earlyProbes)) earlyProbes++
  }

  /** Not if the schedule is as quick. */
  const probeIn = (delayMs: number): boolean => {
    if (delayMs >= intervalMs()) return false
    early?.cancel()
    early = clock.after(delayMs, probeNow)
    return true
  }

  const intervalMs = (): number => (health.verdict === 'unhealthy' ? policy.everyUnhealthyMs : null) ?? policy.everyMs

  const reschedule = (): void => {
    scheduled?.cancel()
    plannedAt = startedAt
    schedule()
  }

  // From the planned time and not from now, so that late timers and jitter do not add up to a slower rhythm.
  const schedule = (jitterRatio = policy.jitterRatio): void => {
    const now = clock.monotonic()
    const everyMs = intervalMs()
    plannedAt += everyMs
    if (plannedAt <= now) plannedAt = now + everyMs
    const shiftMs = everyMs * jitterRatio * 2 * random()
    // Who is out and well again is not to wait for longer than an interval: only earlier, and from where the last one went out.
    if (health.verdict === 'unhealthy') plannedAt -= shiftMs
    const startAt = health.verdict === 'unhealthy' ? plannedAt : plannedAt - everyMs * jitterRatio + shiftMs
    scheduled = clock.after(Math.max(0, startAt - now), () => {
      schedule()
      if (!skipsNext) probeNow()
      skipsNext = false
    })
  }

  if (!isKnown) void start()
  // Endpoints that appear together are looked at together once; from then on each has a place of its own in the interval.
  if (isKnown || policy.jitterRatio > 0) plannedAt -= random() * policy.everyMs
  schedule(0)

  return {
    get state() {
      return health.verdict
    },
    get detail() {
      return detail
    },
    get since() {
      return since
    },
    get wavers() {
      return health.against > 0
    },
    probeNow,
    probeInstead: () => {
      skipsNext = true
      probeNow()
    },
    adopt: (verdict) => {
      const before = health.verdict
      if (closed || verdict === before) return
      health = { verdict, against: 0, hasPassed: true }
      turnFrom(before)
    },
    setPolicy: (nextPolicy, nextProbe) => {
      if (closed) return
      const [sameProbe, before] = [isDeepStrictEqual(policy.probe, nextPolicy.probe), intervalMs()]
      policy = nextPolicy
      if (intervalMs() !== before) reschedule()
      if (sameProbe) return
      probe = nextProbe
      health = { ...health, against: 0 }
      running?.abort()
      running = null
      probeNow()
    },
    close: () => {
      closed = true
      scheduled?.cancel()
      soon?.cancel()
      early?.cancel()
      running?.abort()
      running = null
    },
  }
}

async function probeWithDeadline(
  probe: Probe,
  controller: AbortController,
  { target, clock, timeoutMs }: { target: Address; clock: Clock; timeoutMs: number },
): Promise<ProbeResult> {
  let expired = false
  const expire = (): void => {
    expired = true
    controller.abort()
  }
  const startedSince = clock.monotonic()
  // Timers run before what has arrived is read: a process that stood still would call all its endpoints dead, whose answers are there.
  let timer = clock.after(timeoutMs, () => {
    const isOwnDelay = clock.monotonic() - startedSince > timeoutMs + OWN_DELAY_MS
    if (isOwnDelay) timer = clock.after(timeoutMs, expire)
    else expire()
  })
  // The probe should end on abort; that the next one can start does not depend on it.
  const aborted = new Promise<null>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve(null), { once: true })
  })
  try {
    const found = await Promise.race([probe(target, controller.signal), aborted])
    return found && !expired ? found : { ok: false, detail: `no answer in ${formatDurationMs(timeoutMs)}` }
  } catch (error) {
    return { ok: false, detail: messageOf(error) }
  } finally {
    timer.cancel()
  }
}
