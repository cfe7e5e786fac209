/**
 * The latest of values that come at any time, for a reader with a pace of its own: what it has not fetched is replaced by what is newer, so
 * nothing piles up. Ends at `end`, or when its reader leaves.
 */
export class Latest<T> implements AsyncIterableIterator<T> {
  readonly #onEnd: () => void
  #value: { readonly value: T } | null = null
  #isOver = false
  #waiting: PromiseWithResolvers<IteratorResult<T>>[] = []

  /** `onEnd` is called once. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  set(value: T): void {
    if (this.#isOver) return
    const first = this.#waiting.shift()
    if (first) first.resolve({ done: false, value })
    else this.#value = { value }
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#value = null
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
    this.#onEnd()
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    const ready = this.#value
    this.#value = null
    if (ready) return Promise.resolve({ done: false, value: ready.value })
    const asked = Promise.withResolvers<IteratorResult<T>>()
    this.#waiting.push(asked)
    return asked.promise
  }

  return(): Promise<IteratorResult<T>> {
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.end()
    return Promise.resolve()
  }
}
