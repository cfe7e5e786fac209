import type { BrotliCompress, Gzip, ZstdCompress } from 'node:zlib'
import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib'
import type { Downstream, ResponseHead } from '../exchange.ts'
import { fieldOf } from '../../http1/field.ts'
import { DecoratedDownstream } from './decorated-downstream.ts'

export type Coding = 'zstd' | 'br' | 'gzip'

type Compressor = BrotliCompress | Gzip | ZstdCompress

// Levels at which compressing costs about as much as the smaller answer saves, and windows that keep one answer below about 1 MiB of memory.
const makers: Readonly<Record<Coding, () => Compressor>> = {
  zstd: () => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 18 } }),
  br: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 } }),
  gzip: () => createGzip({ level: 6 }),
}

const flushKinds: Readonly<Record<Coding, number>> = {
  zstd: constants.ZSTD_e_flush,
  br: constants.BROTLI_OPERATION_FLUSH,
  gzip: constants.Z_SYNC_FLUSH,
}

/** Compresses the answers for whose head `choose` names a coding (and has changed the head for it). */
export class CompressedDownstream extends DecoratedDownstream {
  readonly #choose: (head: ResponseHead) => Coding | null
  #compressor: Compressor | null = null
  #coding: Coding = 'gzip'
  #isStream = false
  #ended = false
  #onDrain: (() => void) | null = null
  #onGone: (() => void) | null = null
  /** Whether what the client's side tells comes here first. */
  #listens = false

  constructor(inner: Downstream, choose: (head: ResponseHead) => Coding | null) {
    super(inner)
    this.#choose = choose
  }

  override get onDrain(): (() => void) | null {
    return this.#onDrain
  }

  override set onDrain(listener: (() => void) | null) {
    this.#onDrain = listener
    if (!this.#listens) this.inner.onDrain = listener
  }

  override get onGone(): (() => void) | null {
    return this.#onGone
  }

  override set onGone(listener: (() => void) | null) {
    this.#onGone = listener
    if (!this.#listens) this.inner.onGone = listener
  }

  get isHolding(): boolean {
    return this.#compressor !== null || (this.inner.isHolding ?? true)
  }

  override get settled(): boolean {
    return (this.#compressor === null || this.inner.gone) && super.settled
  }

  override head(head: ResponseHead): void {
    const isStream = fieldOf(head.headers, 'content-length') === undefined
    const coding = this.#choose(head)
    this.inner.head(head)
    if (coding) this.#start(coding, isStream)
  }

  override write(chunk: Uint8Array): boolean {
    const compressor = this.#compressor
    if (!compressor) return this.inner.write(chunk)
    return compressor.write(chunk, this.#isStream ? this.#onWritten : undefined)
  }

  override end(): void {
    if (!this.#compressor) return this.inner.end()
    this.#ended = true
    this.#compressor.end()
    // The little that is left in the compressor goes down at once, so that the listener's own limits for the end of an answer hold.
    this.#compressor.resume()
  }

  override destroy(): void {
    this.#stop()
    this.inner.destroy()
  }

  #drained(): void {
    if (this.#compressor) this.#compressor.resume()
    else this.onDrain?.()
  }

  #left(): void {
    const wasEnding = this.#ended
    this.#stop()
    this.onGone?.()
    if (wasEnding) this.onSettled?.()
  }

  #start(coding: Coding, isStream: boolean): void {
    const compressor = makers[coding]()
    this.#compressor = compressor
    this.#coding = coding
    this.#isStream = isStream
    this.#listens = true
    this.inner.onDrain = () => this.#drained()
    this.inner.onGone = () => this.#left()
    compressor.on('data', (chunk: Buffer) => {
      if (!this.inner.write(chunk) && !this.#ended) compressor.pause()
    })
    compressor.on('drain', () => this.onDrain?.())
    compressor.on('end', () => {
      this.#compressor = null
      this.inner.end()
      this.onSettled?.()
    })
    compressor.on('error', () => {
      const wasEnding = this.#ended
      this.destroy()
      if (wasEnding) this.onSettled?.()
      else this.onGone?.()
    })
  }

  /** An answer without a length may be one of events: what has come must not wait in here for what comes next. */
  readonly #onWritten = (): void => {
    const compressor = this.#compressor
    if (compressor && !this.#ended && compressor.writableLength === 0) compressor.flush(flushKinds[this.#coding])
  }

  #stop(): void {
    this.#compressor?.destroy()
    this.#compressor = null
  }
}
