import type { Clock, Random, Timer } from '../../clock.ts'
import type { Watch, WatchListener } from '../registry.ts'
import type { ConsulReply } from './client.ts'
import { changedServices, decodeIllChecks, decodeServiceTags, type IllChecks, type ServiceTags } from './changed-services.ts'

/** Reads at a time; with the held ones they are what one client's share of the registry's connections allows. */
const MAX_READING = 8
/** Also without a ring each service is read so often: the address of a node may change, which no bell tells. */
const READ_ALL_MS = 60_000
/** Between two readings of everything, for each service that is read: a registry that changes all the time is asked 1,000 times a second, no more. */
const GAP_MS_PER_SERVICE = 1

/** A read that is held by the registry and repeated, as the bell needs it. */
export type OpenRead = <T>(path: string, decode: (reply: ConsulReply) => T, listener: WatchListener<T>) => Watch

export interface ChangeBellOptions {
  readonly clock: Clock
  readonly random: Random
  readonly open: OpenRead
}

/** A service that is read when the bell rings. */
export interface BellMember {
  /** Resolves when it is to be read now; the reader calls what it gets when it has read. Also at {@link leave}. */
  turn(): Promise<() => void>
  /** The read came to nothing: the next turn is at once. */
  again(): void
  /** It was seen to change: it goes first when all are read, since what changes changes again. */
  noteChange(): void
  leave(): void
}

interface Waiting {
  readonly service: string
  isDue: boolean
  changedSince: number
  wake: (() => void) | null
  /** It has been handed one of the places for reading. */
  hasPlace: boolean
  hasLeft: boolean
}

/**
 * Tells many services when to be read again, where the registry cannot hold a read for each (Consul: `http_max_conns_per_client`). Three held
 * reads tell that something has changed: the list of services, whose index moves with each registration, and the checks that are critical
 * and that warn. Where they tell of whom, only these are read at once; else all, a few at a time. Closed by the owner.
 */
export class ChangeBell {
  readonly #options: ChangeBellOptions
  readonly #members = new Set<Waiting>()
  readonly #queue = new Set<Waiting>()
  readonly #watches: readonly Watch[]
  #reading = 0
  #lastAllSince = -Infinity
  #next: { readonly timer: Timer; readonly at: number } | null = null
  #isClosed = false

  /** Opens the three reads. */
  constructor(options: ChangeBellOptions) {
    this.#options = options
    const { open } = options
    let tags: ServiceTags | null = null
    const onServices = (next: ServiceTags): void => {
      if (tags) this.#ring(changedServices(tags.byService, next.byService))
      tags = next
      this.#ringAllSoon()
    }
    this.#watches = [
      open('/v1/catalog/services', decodeServiceTags, { onValue: onServices, onError: () => {} }),
      ...['critical', 'warning'].map((state) => open(`/v1/health/state/${state}`, decodeIllChecks, this.#checkListener())),
    ]
    this.#planNext(READ_ALL_MS)
  }

  join(service: string): BellMember {
    const member: Waiting = { service, isDue: true, changedSince: -Infinity, wake: null, hasPlace: false, hasLeft: false }
    this.#members.add(member)
    return {
      turn: () => this.#turn(member),
      again: () => void (member.isDue = true),
      noteChange: () => void (member.changedSince = this.#options.clock.monotonic()),
      leave: () => {
        member.hasLeft = true
        this.#members.delete(member)
        this.#queue.delete(member)
        member.wake?.()
      },
    }
  }

  close(): void {
    this.#isClosed = true
    this.#next?.timer.cancel()
    for (const watch of this.#watches) watch.close()
  }

  #checkListener(): WatchListener<IllChecks> {
    let before: IllChecks | null = null
    return {
      onValue: (next) => {
        const changed = before ? changedServices(before, next) : new Set<string>()
        before = next
        // A check of a node is one of everything there.
        if (changed.has('')) this.#ringAllSoon()
        else this.#ring(changed)
      },
      onError: () => {},
    }
  }

  async #turn(member: Waiting): Promise<() => void> {
    if (!member.isDue && !member.hasLeft) await untilWoken(member)
    if (!member.hasLeft) await this.#takePlace(member)
    member.isDue = false
    if (member.hasLeft) this.#givePlace(member)
    return () => this.#givePlace(member)
  }

  async #takePlace(member: Waiting): Promise<void> {
    if (this.#reading >= MAX_READING) {
      this.#queue.add(member)
      return untilWoken(member)
    }
    this.#reading++
    member.hasPlace = true
  }

  /** To the next one that waits for it. */
  #givePlace(member: Waiting): void {
    if (!member.hasPlace) return
    member.hasPlace = false
    const [next] = this.#queue
    if (!next) return void this.#reading--
    this.#queue.delete(next)
    next.hasPlace = true
    wake(next)
  }

  #ring(services: ReadonlySet<string>): void {
    if (services.size === 0) return
    for (const member of this.#members) if (services.has(member.service)) this.#makeDue(member)
  }

  #makeDue(member: Waiting): void {
    member.isDue = true
    if (!this.#queue.has(member)) wake(member)
  }

  /** At once, but not sooner after the last time than the number of services allows. */
  #ringAllSoon(): void {
    const gapMs = this.#members.size * GAP_MS_PER_SERVICE
    const waitMs = this.#lastAllSince + gapMs - this.#options.clock.monotonic()
    if (waitMs <= 0) this.#ringAll()
    else this.#planNext(waitMs)
  }

  #ringAll(): void {
    this.#lastAllSince = this.#options.clock.monotonic()
    const restless = [...this.#members].toSorted((a, b) => b.changedSince - a.changedSince)
    for (const member of restless) this.#makeDue(member)
    this.#next?.timer.cancel()
    this.#next = null
    this.#planNext(READ_ALL_MS * (0.75 + 0.5 * this.#options.random()))
  }

  #planNext(delayMs: number): void {
    const at = this.#options.clock.monotonic() + delayMs
    if (this.#isClosed || (this.#next && this.#next.at <= at)) return
    this.#next?.timer.cancel()
    this.#next = { at, timer: this.#options.clock.after(delayMs, () => this.#ringAll()) }
  }
}

function untilWoken(member: Waiting): Promise<void> {
  return new Promise((resolve) => (member.wake = resolve))
}

function wake(member: Waiting): void {
  const resume = member.wake
  member.wake = null
  resume?.()
}
