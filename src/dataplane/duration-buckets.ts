/** Upper bounds of the duration buckets, ms. */
export const bucketBoundsMs: readonly number[] = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000]

/** The bounds as the label `le` has them, in seconds; the last one has no bound. */
export const bucketLabels: readonly string[] = [...bucketBoundsMs.map((boundMs) => String(boundMs / 1000)), '+Inf']

/** Counts durations: plain numbers, so that counting costs no more than an addition. */
export class DurationBuckets {
  /** Not cumulative. */
  readonly #counts = bucketLabels.map(() => 0)

  count(durationMs: number): void {
    let bucket = 0
    while (bucket < bucketBoundsMs.length && durationMs > (bucketBoundsMs[bucket] ?? 0)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
  }

  /** How many lasted no longer than each bound. */
  *cumulative(): Iterable<{ readonly le: string; readonly value: number }> {
    let value = 0
    for (const [at, count] of this.#counts.entries()) {
      value += count
      yield { le: bucketLabels[at] ?? '+Inf', value }
    }
  }
}

/**
 * The duration that `ratio` of all did not exceed, ms, by cumulative counts in the order of {@link bucketLabels}: within a bucket all are taken to be
 * spread evenly, as Prometheus takes them. Beyond the last bound it is that bound; null: nothing was counted.
 */
export function quantileMs(cumulative: readonly number[], ratio: number): number | null {
  const total = cumulative.at(-1) ?? 0
  if (total === 0) return null
  const rank = ratio * total
  const at = cumulative.findIndex((count) => count >= rank)
  const [from, to] = [bucketBoundsMs[at - 1] ?? 0, bucketBoundsMs[at]]
  if (to === undefined) return bucketBoundsMs.at(-1) ?? null
  const before = cumulative[at - 1] ?? 0
  const inside = (cumulative[at] ?? 0) - before
  return from + (to - from) * (inside === 0 ? 1 : (rank - before) / inside)
}
