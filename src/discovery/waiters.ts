/** Who waits for one thing. */
export class Waiters {
  readonly #waiting = new Set<() => void>()

  /** Resolves with the next {@link release}, or when the caller no longer wants to wait. */
  wait(enough: AbortSignal): Promise<void> {
    if (enough.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done)
        enough.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      enough.addEventListener('abort', done, { once: true })
    })
  }

  release(): void {
    for (const done of this.#waiting) done()
  }
}
