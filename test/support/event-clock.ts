import type { Clock, Timer } from '../../src/clock.ts'

interface Event {
  readonly at: number
  /** Of events at the same time, the first armed comes first. */
  readonly order: number
  run: (() => void) | null
}

/** A clock for simulations: it jumps from event to event without a turn of the event loop in between. */
export class EventClock implements Clock {
  #at = 0
  #order = 0
  /** A binary heap, the earliest on top. */
  readonly #heap: Event[] = []

  now(): number {
    return this.#at
  }

  monotonic(): number {
    return this.#at
  }

  thisTurn(): number {
    return this.#at
  }

  after(delayMs: number, run: () => void): Timer {
    const event: Event = { at: this.#at + Math.max(0, delayMs), order: this.#order++, run }
    this.#heap.push(event)
    this.#rise(this.#heap.length - 1)
    return { cancel: () => void (event.run = null) }
  }

  /** Runs what is due up to a time, ms. */
  runUntil(endMs: number): void {
    for (let next = this.#heap[0]; next && next.at <= endMs; next = this.#heap[0]) {
      this.#takeTop()
      this.#at = next.at
      next.run?.()
    }
    this.#at = endMs
  }

  /** The same for what goes on in promises: after each event they have a turn of the event loop. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#at + byMs
    await turn()
    for (let next = this.#heap[0]; next && next.at <= endMs; next = this.#heap[0]) {
      this.#takeTop()
      this.#at = next.at
      if (!next.run) continue
      next.run()
      await turn()
    }
    this.#at = endMs
  }

  #takeTop(): void {
    const last = this.#heap.pop()
    if (!last || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #sink(from: number): void {
    for (let at = from; ;) {
      let first = at
      for (const child of [2 * at + 1, 2 * at + 2]) if (this.#isBefore(child, first)) first = child
      if (first === at) return
      this.#swap(at, first)
      at = first
    }
  }

  #isBefore(left: number, right: number): boolean {
    const [a, b] = [this.#heap[left], this.#heap[right]]
    return a !== undefined && b !== undefined && (a.at < b.at || (a.at === b.at && a.order < b.order))
  }

  #swap(left: number, right: number): void {
    const [a, b] = [this.#heap[left], this.#heap[right]]
    if (!a || !b) return
    this.#heap[left] = b
    this.#heap[right] = a
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
