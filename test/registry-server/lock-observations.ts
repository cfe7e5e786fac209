/** What a contender for locks saw. Times are monotonic and the same for all processes, ms. */
export interface Observation {
  readonly contender: string
  /** `held`: an answer said that the session holds the lock. `releases`: it is about to give the lock back by itself. */
  readonly kind: 'held' | 'releases'
  readonly lock: string
  readonly session: string
  readonly lockIndex: number
  readonly sentAt: number
  readonly answeredAt: number
}

/** One time that a lock was held: from the first answer that said so to the sending of the last request that was answered so. */
interface Term {
  readonly lockIndex: number
  readonly session: string
  firstAnsweredAt: number
  lastSentAt: number
  released: boolean
}

export interface LockSummary {
  readonly terms: number
  /** Terms that ended without a release and were followed by another. */
  readonly takenOver: number
  readonly violations: readonly string[]
}

/**
 * Looks for two holders of one lock: two sessions with one LockIndex, a holder that was seen after a later one, or, where the earlier
 * one did not release, within the lock-delay of it.
 */
export function judge(observations: readonly Observation[], lockDelayMs: number): LockSummary {
  const violations: string[] = []
  let [count, takenOver] = [0, 0]
  for (const lock of new Set(observations.map((observation) => observation.lock))) {
    const terms = termsOf(
      observations.filter((observation) => observation.lock === lock),
      violations,
    )
    count += terms.length
    for (const [at, later] of terms.entries()) {
      const earlier = terms[at - 1]
      if (!earlier) continue
      const gapMs = later.firstAnsweredAt - earlier.lastSentAt
      const wantedMs = earlier.released ? 0 : lockDelayMs
      if (!earlier.released) takenOver++
      if (gapMs < wantedMs) {
        violations.push(
          `${lock}: term ${later.lockIndex} was held ${gapMs.toFixed(1)} ms after term ${earlier.lockIndex}, not ${wantedMs}`,
        )
      }
    }
  }
  return { terms: count, takenOver, violations }
}

function termsOf(observations: readonly Observation[], violations: string[]): readonly Term[] {
  const terms = new Map<number, Term>()
  const bySession = new Map<string, Term[]>()
  for (const { kind, lock, session, lockIndex, sentAt, answeredAt } of observations) {
    // A release without a number: of the term that its session had last. A session that asks again begins another.
    if (kind === 'releases') {
      const last = bySession.get(session)?.at(-1)
      if (last) last.released = true
      continue
    }
    const known = terms.get(lockIndex)
    if (known && known.session !== session)
      violations.push(`${lock}: LockIndex ${lockIndex} belongs to ${known.session} and ${session}`)
    if (known) {
      known.firstAnsweredAt = Math.min(known.firstAnsweredAt, answeredAt)
      known.lastSentAt = Math.max(known.lastSentAt, sentAt)
      continue
    }
    const term = { lockIndex, session, firstAnsweredAt: answeredAt, lastSentAt: sentAt, released: false }
    terms.set(lockIndex, term)
    bySession.set(session, [...(bySession.get(session) ?? []), term])
  }
  return [...terms.values()].toSorted((a, b) => a.lockIndex - b.lockIndex)
}
