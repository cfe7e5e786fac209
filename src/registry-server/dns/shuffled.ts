import type { Random } from '../../clock.ts'

/** A copy in random order, every order as likely as any other (Fisher and Yates). */
export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const copy = items.slice()
  for (let at = copy.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    const [left, right] = [copy[at], copy[other]]
    if (left === undefined || right === undefined) continue
    copy[at] = right
    copy[other] = left
  }
  return copy
}
