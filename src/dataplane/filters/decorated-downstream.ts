import type { Downstream, ResponseHead } from '../exchange.ts'

/** Stands before a client's side and hands everything on; filters that change bodies override what they change. */
export class DecoratedDownstream implements Downstream {
  onDrain: (() => void) | null = null
  onGone: (() => void) | null = null
  /** Called when an answer that ended before it was `settled` has gone down, or cannot any more. */
  onSettled: (() => void) | null = null
  protected readonly inner: Downstream

  constructor(inner: Downstream) {
    this.inner = inner
    inner.onDrain = () => this.drained()
    inner.onGone = () => this.left()
    if (inner instanceof DecoratedDownstream) inner.onSettled = () => this.onSettled?.()
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

  protected drained(): void {
    this.onDrain?.()
  }

  protected left(): void {
    this.onGone?.()
  }
}
