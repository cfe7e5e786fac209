/** The candidate that a person most likely meant by a mistyped word; null if none is close. */
export function closest(word: string, candidates: readonly string[]): string | null {
  // Longer words are not typing errors, and comparing them costs.
  if (word.length > 60) return null
  const typed = word.toLowerCase()
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(typed, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(Math.max(candidate.length, word.length) / 3)))
    .toSorted((left, right) => left.distance - right.distance)
  return ranked[0]?.candidate ?? null
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
