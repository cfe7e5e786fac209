import type { Downstream, ResponseHead } from '../exchange.ts'

/** Stands before a client's side and hands everything on; filters that change bodies override what they change. */
export class DecoratedDownstream implements Downstream {
  protected inner: Downstream
  #onSettled: (() => void) | null = null

  constructor(inner: Downstream) {
    this.inner = inner
  }

  // Who listens does so at the client's side itself: closures of each decorator on the way cost the garbage collector more than all
  // else that filters do.
  get onDrain(): (() => void) | null {
    return this.inner.onDrain
  }

  set onDrain(listener: (() => void) | null) {
    this.inner.onDrain = listener
  }

  get onGone(): (() => void) | null {
    return this.inner.onGone
  }

  set onGone(listener: (() => void) | null) {
    this.inner.onGone = listener
  }

  /** Called when an answer that ended before it was `settled` has gone down, or cannot any more. */
  get onSettled(): (() => void) | null {
    return this.#onSettled
  }

  set onSettled(listener: (() => void) | null) {
    this.#onSettled = listener
    if (this.inner instanceof DecoratedDownstream) this.inner.onSettled = listener
  }

  get started(): boolean {
    return this.inner.started
  }

  get gone(): boolean {
    return this.inner.gone
  }

  get status(): number {
    return this.inner.status
  }

  get bytes(): number {
    return this.inner.bytes
  }

  /** Whether all of an ended answer has been handed over. */
  get settled(): boolean {
    return !(this.inner instanceof DecoratedDownstream) || this.inner.settled
  }

  interim(head: ResponseHead): void {
    this.inner.interim?.(head)
  }

  head(head: ResponseHead): void {
    this.inner.head(head)
  }

  write(chunk: Uint8Array): boolean {
    return this.inner.write(chunk)
  }

  end(): void {
    this.inner.end()
  }

  destroy(): void {
    this.inner.destroy()
  }
}
