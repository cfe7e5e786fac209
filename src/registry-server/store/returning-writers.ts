/** A commit waits for writers at most this part of the time that the last one took, and never longer than this, ms. */
const waitedRatio = 0.5
const mostWaitedMs = 2

/**
 * Says whether writers that were just answered are about to write again. While a commit is on its way to the disk nobody is answered; so who
 * is left out of one waits for two, and writers fall into two halves that take turns. Waiting a moment for those who are on their way keeps
 * them in one commit.
 */
export class ReturningWriters {
  /** Answered in the last commit, and in the one before it, and not back yet. */
  #latest = 0
  #before = 0
  #until = -Infinity

  /** A write has come. */
  came(): void {
    if (this.#before > 0) this.#before--
    else if (this.#latest > 0) this.#latest--
  }

  /** So many writers are answered at `now`, after a commit that took so long (monotonic, ms). */
  answered(writers: number, now: number, tookMs: number): void {
    this.#before = this.#latest
    this.#latest = writers
    this.#until = now + Math.min(tookMs * waitedRatio, mostWaitedMs)
  }

  /** Whether it pays to wait for one more. */
  areExpected(now: number): boolean {
    return this.#before + this.#latest > 0 && now < this.#until
  }
}
