import type { Readable } from 'node:stream'
import type { Clock, Random } from '../../clock.ts'
import type { Exchange, HeaderList } from '../exchange.ts'
import { TappedStream } from '../tapped-stream.ts'
import type { Deadlines } from './deadlines.ts'
import { MirroredAttempt } from './mirrored-attempt.ts'
import type { Picker } from './picker.ts'
import { REPLAYABLE_BYTES } from './replay.ts'
import type { Upstream } from './upstream.ts'

/** Which requests of a route are copied: plain data. */
export interface MirrorPolicy {
  /** The share of them, 0 … 1. */
  readonly ratio: number
  /** Copies under way at a time at one upstream; more are left out. */
  readonly maxInFlight: number
  /** For a whole copy, ms. */
  readonly timeoutMs: number
}

/** Where copies go. */
export interface MirrorTarget {
  readonly upstream: Upstream
  /** The upstream, or a part of it. */
  readonly picker: Picker
}

export interface MirrorDeps {
  readonly clock: Clock
  readonly deadlines: Deadlines
}

/**
 * Sends copies of requests to another upstream and throws the answers away. A copy waits for nobody and nobody waits for it: it is tried once, it
 * goes after the request itself, and its failures count nowhere but in {@link Upstream.mirrored}. Bodies are copied as they go by, up to 64 KiB.
 */
export class Mirror {
  readonly target: MirrorTarget
  readonly policy: MirrorPolicy

  constructor(target: MirrorTarget, policy: MirrorPolicy) {
    this.target = target
    this.policy = policy
  }

  /** The copy of an exchange, if it gets one. The exchange goes on as {@link MirrorCopy.exchange}. */
  copyOf(exchange: Exchange, random: Random): MirrorCopy | null {
    if (exchange.tunnel || random() >= this.policy.ratio) return null
    const { mirrored } = this.target.upstream
    const lengthBytes = exchange.body?.lengthBytes ?? 0
    if (mirrored.inFlight < this.policy.maxInFlight && lengthBytes <= REPLAYABLE_BYTES) return new MirrorCopy(exchange, this)
    mirrored.skipped++
    return null
  }
}

/** A copy in the making: it goes off once it has been sent and its body has come. */
export class MirrorCopy {
  /** The exchange as it goes on: its body is the same, and seen here as it is read. */
  readonly exchange: Exchange
  readonly #mirror: Mirror
  #body: Buffer | null = null
  #isWhole: boolean
  #go: (() => void) | null = null
  #isOver = false

  constructor(exchange: Exchange, mirror: Mirror) {
    this.#mirror = mirror
    mirror.target.upstream.mirrored.inFlight++
    const { body } = exchange
    this.#body = body?.whole ?? null
    this.#isWhole = !body || body.whole !== undefined
    this.exchange =
      body && !this.#isWhole
        ? { ...exchange, body: { lengthBytes: body.lengthBytes, stream: this.#watch(body.stream) } }
        : exchange
  }

  /** Sends it, with the fields that the upstream of the request gets. */
  send(headers: HeaderList, deps: MirrorDeps): void {
    const { target, policy } = this.#mirror
    this.#go = () => {
      const owner = { target, timeoutMs: policy.timeoutMs, onDone: () => this.#end(), ...deps }
      new MirroredAttempt(this.exchange, { headers: headers.slice(), body: this.#body }, owner).start()
    }
    if (this.#isWhole && !this.#isOver) this.#go()
  }

  #watch(stream: Readable): TappedStream {
    const pieces: Buffer[] = []
    let bytes = 0
    return new TappedStream(stream, {
      onPiece: (chunk) => {
        bytes += chunk.length
        if (bytes > REPLAYABLE_BYTES) this.#skip()
        if (!this.#isOver) pieces.push(Buffer.from(chunk))
        else pieces.length = 0
        return null
      },
      onEnd: () => {
        if (this.#isOver) return
        this.#body = Buffer.concat(pieces)
        this.#isWhole = true
        this.#go?.()
      },
      onClose: () => {
        if (!this.#isWhole) this.#skip()
      },
    })
  }

  #skip(): void {
    if (this.#isOver) return
    this.#mirror.target.upstream.mirrored.skipped++
    this.#end()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#mirror.target.upstream.mirrored.inFlight--
  }
}
