import type { Random } from '../../clock.ts'
import { KeyedHash } from './keyed-hash.ts'

/** Slots that a key may lie in: with this many, nearly all keys of a table that is half full find room. */
const WAYS = 16
/** Per slot: 8 bytes of fingerprint, 8 of time. */
const SLOT_BYTES = 16

const nothing = new Uint32Array(0)

export interface BucketLimits {
  /** Tokens that come back per second. */
  readonly perSecond: number
  /** Tokens of a full bucket. */
  readonly burst: number
  /** Keys that are told apart at the least. */
  readonly keys: number
}

/** What a key's bucket says to one request. */
export interface Draw {
  readonly admitted: boolean
  /** Whole tokens left. */
  readonly remaining: number
  /** Until the bucket is full again, ms. */
  readonly fullInMs: number
  /** Until the next token, ms; 0 if there is one. */
  readonly nextInMs: number
}

/**
 * Token buckets by key in a table of fixed size. Of a bucket only the time is kept at which it will be full (the generic cell rate
 * algorithm, ITU-T I.371), so a full bucket is the same as none. A new key takes the slot of the fullest bucket among its few: what is
 * forgotten first is worth least, and a flood of keys cannot choose whose it is, because the hash has a secret key.
 */
export class TokenBuckets {
  readonly bytes: number
  readonly #limits: BucketLimits
  readonly #tokenMs: number
  readonly #hash: KeyedHash
  readonly #mask: number
  readonly #prints: Uint32Array
  /** Monotonic ms at which the bucket of a slot is full. */
  readonly #fullAt: Float64Array
  /** So much of the limits holds here: time goes by as much slower, so that tokens come back more slowly in all buckets at once. */
  #part = 1
  #partSince = 0
  #timeBefore = 0
  /** Tokens taken since the peers were told, by slot; null: there are no peers. */
  #taken: Map<number, number> | null

  constructor(limits: BucketLimits, random: Random, hasPeers = false) {
    this.#limits = limits
    this.#tokenMs = 1000 / limits.perSecond
    this.#hash = new KeyedHash(random)
    const slots = 2 ** Math.ceil(Math.log2(Math.max(limits.keys * 1.5, WAYS)))
    this.bytes = slots * SLOT_BYTES
    this.#mask = slots / WAYS - 1
    this.#prints = new Uint32Array(slots * 2)
    this.#fullAt = new Float64Array(slots)
    this.#taken = hasPeers ? new Map() : null
  }

  /** Takes a token from the key's bucket if there is one. `atMs` is monotonic. */
  draw(key: string, atMs: number): Draw {
    const now = this.#timeAt(atMs)
    this.#hash.hash(key)
    const slot = this.#slotOf(this.#hash.low, this.#hash.high)
    const burst = Math.max(1, this.#limits.burst * this.#part)
    const missing = Math.max(this.#fullAt[slot] ?? 0, now) - now
    // A sum of many token times is not exact to the last bit.
    const afterMs = missing + this.#tokenMs
    const excessMs = afterMs - burst * this.#tokenMs
    if (excessMs > 1e-6 * this.#tokenMs) return { admitted: false, remaining: 0, fullInMs: missing, nextInMs: excessMs }
    this.#fullAt[slot] = now + afterMs
    this.#taken?.set(slot, (this.#taken.get(slot) ?? 0) + 1)
    return { admitted: true, remaining: Math.floor(burst - afterMs / this.#tokenMs + 1e-6), fullInMs: afterMs, nextInMs: 0 }
  }

  /** What has been taken here since the last call: two numbers for the key and one for how many, each time. */
  take(): Uint32Array {
    const taken = this.#taken
    if (!taken || taken.size === 0) return nothing
    this.#taken = new Map()
    const told = new Uint32Array(taken.size * 3)
    let at = 0
    for (const [slot, count] of taken) {
      told[at++] = this.#prints[2 * slot] ?? 0
      told[at++] = this.#prints[2 * slot + 1] ?? 0
      told[at++] = count
    }
    return told
  }

  /**
   * Takes from the buckets what a peer has taken from its own. They may have given the same token twice: then it is missing twice, so that in
   * the long run no more goes through than the rate.
   */
  add(told: Uint32Array, atMs: number): void {
    const now = this.#timeAt(atMs)
    for (let at = 0; at + 2 < told.length; at += 3) {
      const slot = this.#slotOf(told[at] ?? 0, told[at + 1] ?? 0)
      this.#fullAt[slot] = Math.max(this.#fullAt[slot] ?? 0, now) + (told[at + 2] ?? 0) * this.#tokenMs
    }
  }

  /** From now on this part of the limits holds, 0 … 1; what is missing in buckets stays. */
  setPart(ratio: number, atMs: number): void {
    this.#timeBefore = this.#timeAt(atMs)
    this.#partSince = atMs
    this.#part = ratio
  }

  #timeAt(atMs: number): number {
    return this.#timeBefore + (atMs - this.#partSince) * this.#part
  }

  /** The slot of a key's fingerprint; if it has none, the one that it may take, with an empty past. */
  #slotOf(low: number, high: number): number {
    const first = (low & this.#mask) * WAYS
    let fullest = first
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#prints[2 * slot] === low && this.#prints[2 * slot + 1] === high) return slot
      if ((this.#fullAt[slot] ?? 0) < (this.#fullAt[fullest] ?? 0)) fullest = slot
    }
    this.#prints[2 * fullest] = low
    this.#prints[2 * fullest + 1] = high
    this.#fullAt[fullest] = 0
    this.#taken?.delete(fullest)
    return fullest
  }
}
