/** The candidate that a person most likely meant by a mistyped word; null if none is close. */
export function closest(word: string, candidates: readonly string[]): string | null {
  return nearest(word, candidates, 1)[0] ?? null
}

/** The candidates that a person may have meant by a mistyped word, the closest first, `most` of them. */
export function nearest(word: string, candidates: readonly string[], most: number): readonly string[] {
  // Longer words are not typing errors, and comparing them costs.
  if (word.length > 60) return []
  const typed = word.toLowerCase()
  return candidates
    .map((candidate) => ({ candidate, far: Math.max(1, Math.floor(Math.max(candidate.length, word.length) / 3)) }))
    .filter(({ candidate, far }) => Math.abs(candidate.length - word.length) <= far)
    .map(({ candidate, far }) => ({ candidate, far, distance: editDistance(typed, candidate.toLowerCase()) }))
    .filter(({ distance, far }) => distance <= far)
    .toSorted((left, right) => left.distance - right.distance)
    .slice(0, most)
    .map(({ candidate }) => candidate)
}

/** How many characters have to be put in, taken out, replaced or swapped with their neighbour (optimal string alignment). */
function editDistance(left: string, right: string): number {
  let [beforeLast, last] = [[] as number[], Array.from({ length: right.length + 1 }, (_, at) => at)]
  for (let row = 1; row <= left.length; row++) {
    const next = [row]
    for (let column = 1; column <= right.length; column++) {
      const replaced = (last[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1)
      const swaps = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      const swapped = swaps ? (beforeLast[column - 2] ?? 0) + 1 : Infinity
      next.push(Math.min(replaced, swapped, (last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    ;[beforeLast, last] = [last, next]
  }
  return last[right.length] ?? 0
}
