import type { Address } from '../../address.ts'
import type { Clock, Random, Timer } from '../../clock.ts'
import { startChecker, type Checker } from '../../health/checker.ts'
import type { HealthPolicy } from '../../health/policy.ts'
import type { Probe } from '../../health/probe.ts'
import type { Verdict } from '../../health/state.ts'
import { Conferral } from './conferral.ts'
import type { Finding } from './finding.ts'
import { groupOf, observersOf } from './observers.ts'
import type { ProbeExchange, SharedInstance } from './probe-exchange.ts'

/** Who has had trouble with an instance itself looks at it for so many intervals more. */
const TROUBLE_INTERVALS = 2
/** How much longer than a probe may take it is waited for the first word on a new instance, ms. */
const FIRST_WORD_MS = 300

export interface SharedCheckerOptions {
  readonly upstream: string
  /** The instance among all that are probed. */
  readonly subject: string
  readonly target: Address
  readonly policy: HealthPolicy
  readonly probe: Probe
  readonly exchange: Pick<ProbeExchange, 'state' | 'name' | 'observing' | 'wordsOf' | 'tell' | 'join' | 'refresh'>
  readonly known?: { readonly verdict: Verdict; readonly detail: string } | undefined
  readonly clock: Clock
  readonly random: Random
  /** Called when the verdict changes; never from inside the constructor, never after `close`. */
  onChange(state: Verdict, detail: string): void
}

/** What is to be known of an instance's checker. */
export type InstanceChecker = Pick<Checker, 'state' | 'detail' | 'since' | 'probeNow' | 'setPolicy' | 'close'>

/** Why this replica probes the instance itself. */
type Reason = 'observer' | 'handing over' | 'alone' | 'doubt'

type Words = ReadonlyMap<string, Finding>

/**
 * The verdict on one instance that few of the replicas probe. Who probes it believes itself; who does not believes those who do while they agree,
 * and looks itself when they do not, when nobody says anything, and when its own requests fail (docs/decisions/0036). Closed by the caller.
 */
export class SharedChecker implements InstanceChecker, SharedInstance {
  readonly #options: SharedCheckerOptions
  readonly #leave: () => void
  #policy: HealthPolicy
  #group: string
  #probe: Probe
  #own: Checker | null = null
  /** Whether `#own` has had a result of its own. */
  #hasProbed = false
  #state: Verdict
  #detail: string
  #since: number
  #isTelling = false
  #observers: { readonly of: readonly string[]; readonly names: readonly string[] } | null = null
  #believed: readonly string[] = []
  /** Monotonic ms since when there is nobody to believe. */
  #unsureSince: number | null = null
  #sureAgain: Timer | null = null
  #troubleUntil = -Infinity
  readonly #conferral = new Conferral()
  #isClosed = false

  constructor(options: SharedCheckerOptions) {
    this.#options = options
    this.#policy = options.policy
    this.#group = groupOf(options.upstream, options.policy)
    this.#probe = options.probe
    this.#state = options.known?.verdict ?? 'unknown'
    this.#detail = options.known?.detail ?? ''
    this.#since = options.clock.monotonic()
    this.#leave = options.exchange.join(this)
    queueMicrotask(() => this.consider())
  }

  get state(): Verdict {
    return this.#state
  }

  get detail(): string {
    return this.#detail
  }

  get since(): number {
    return this.#since
  }

  get group(): string {
    return this.#group
  }

  get subject(): string {
    return this.#options.subject
  }

  get everyMs(): number {
    return this.#policy.everyMs
  }

  /** The other replicas that the verdict is from; none: it is our own. */
  get believed(): readonly string[] {
    return this.#own ? [] : this.#believed
  }

  /** Our own traffic has had trouble: what others say no longer does. */
  probeNow(): void {
    if (this.#isClosed || this.#options.exchange.state === 'waiting') return
    this.#troubleUntil = this.#options.clock.monotonic() + TROUBLE_INTERVALS * this.#policy.everyMs
    if (this.#own) this.#own.probeNow()
    else this.#look('doubt')
  }

  setPolicy(policy: HealthPolicy, probe: Probe): void {
    this.#policy = policy
    this.#group = groupOf(this.#options.upstream, policy)
    this.#probe = probe
    this.#observers = null
    this.#own?.setPolicy(policy, probe)
    this.#options.exchange.refresh()
    this.consider()
  }

  consider(): void {
    const { exchange } = this.#options
    if (this.#isClosed || exchange.state === 'waiting') return
    const words = exchange.wordsOf(this)
    const reason = this.#reasonToLook(words)
    this.#isTelling = reason === 'observer' || reason === 'handing over'
    if (reason) this.#look(reason)
    else this.#believe(words)
    this.#tell()
    if (this.#isTelling) this.#confer(words)
  }

  close(): void {
    this.#isClosed = true
    this.#leave()
    this.#sureAgain?.cancel()
    this.#own?.close()
    this.#options.exchange.tell(this.#options.subject, null)
  }

  #reasonToLook(words: Words): Reason | null {
    const { exchange, clock } = this.#options
    if (exchange.state === 'alone') return 'alone'
    const observers = this.#observersNow()
    if (observers.includes(exchange.name)) return 'observer'
    // Those who come next have to have looked before the last one stops.
    if (this.#isTelling && observers.some((name) => !words.has(name))) return 'handing over'
    const told = agreed(words)
    if (this.#own) return told !== this.#own.state || clock.monotonic() < this.#troubleUntil ? 'doubt' : null
    if (told !== null) return null
    return this.#isUnsureForLong() ? 'doubt' : null
  }

  #observersNow(): readonly string[] {
    const { exchange, subject } = this.#options
    const living = exchange.observing(this.#group)
    if (this.#observers?.of !== living) this.#observers = { of: living, names: observersOf(subject, living, this.#policy.shared) }
    return this.#observers.names
  }

  /** Observers who disagree, or say nothing yet, have some time: when an instance goes down, one of them is the first to see it. */
  #isUnsureForLong(): boolean {
    const { clock } = this.#options
    const now = clock.monotonic()
    this.#unsureSince ??= now
    const { timeoutMs, everyMs } = this.#policy
    const patienceMs = this.#state === 'unknown' ? timeoutMs + FIRST_WORD_MS : everyMs
    const leftMs = this.#unsureSince + patienceMs - now
    if (leftMs <= 0) return true
    this.#sureAgain?.cancel()
    this.#sureAgain = clock.after(leftMs, () => this.consider())
    return false
  }

  #look(reason: Reason): void {
    this.#becomeSure()
    if (this.#own) return
    const { target, clock, random } = this.#options
    const known = { verdict: this.#state, detail: this.#detail }
    this.#hasProbed = false
    this.#own = startChecker({
      target,
      policy: this.#policy,
      probe: this.#probe,
      known,
      clock,
      random,
      onChange: (state, detail) => this.#set(state, detail),
      onProbed: () => this.#noteProbe(),
    })
    // A fleet that loses its registry is not to probe everything in the same moment.
    if (reason !== 'alone' && known.verdict !== 'unknown') this.#own.probeNow()
  }

  #noteProbe(): void {
    this.#hasProbed = true
    this.#detail = this.#own?.detail ?? ''
    // Whether to go on in doubt is decided with each result; observers go on until others tell.
    if (!this.#isTelling) return this.consider()
    this.#tell()
    this.#agree(this.#options.exchange.wordsOf(this))
  }

  /** Others are to hear nothing but what we have seen ourselves. */
  #tell(): void {
    const { exchange, subject } = this.#options
    if (!this.#isTelling) return exchange.tell(subject, null)
    const own = this.#own
    if (!own || !this.#hasProbed || own.state === 'unknown') return
    exchange.tell(subject, { verdict: own.state, wavers: own.wavers, detail: own.detail })
  }

  #believe(words: Words): void {
    this.#own?.close()
    this.#own = null
    const told = agreed(words)
    if (told === null) return
    this.#becomeSure()
    this.#believed = [...words.keys()]
    const [first] = words.values()
    this.#set(told, first?.detail ?? '')
  }

  /** Observers look when another one sees something else, in place of their next time. */
  #confer(words: Words): void {
    const own = this.#own
    this.#agree(words)
    if (own && this.#conferral.isRoused(words, own, this.#moment)) own.probeInstead()
  }

  #agree(words: Words): void {
    const verdict = this.#own && this.#conferral.adopted(words, this.#own, this.#moment)
    if (!verdict) return
    this.#own?.adopt(verdict)
    this.#tell()
  }

  get #moment(): { readonly everyMs: number; readonly now: number } {
    return { everyMs: this.#policy.everyMs, now: this.#options.clock.monotonic() }
  }

  #becomeSure(): void {
    this.#unsureSince = null
    this.#sureAgain?.cancel()
  }

  #set(state: Verdict, detail: string): void {
    this.#detail = detail
    if (state === this.#state) return
    this.#state = state
    this.#since = this.#options.clock.monotonic()
    this.#options.onChange(state, detail)
  }
}

/** The verdict of all who say something; null: nobody does, or they disagree. */
function agreed(words: Words): Finding['verdict'] | null {
  const verdicts = new Set([...words.values()].map(({ verdict }) => verdict))
  const [only] = verdicts
  return verdicts.size === 1 && only !== undefined ? only : null
}
