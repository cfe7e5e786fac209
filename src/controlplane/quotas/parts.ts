// How the replicas of a fleet divide a limit: pure arithmetic over what each has told with its last beat. All numbers are parts of the limit;
// demand is told as requests per second, since a revision on trial may have another rate.

/** What one replica tells of one limit. */
export interface Claim {
  /** So much of the limit it may use, at the most, 0 … 1. */
  readonly claimed: number
  /** So much of the limit was asked for there; above 1 if it was more. */
  readonly demand: number
  /** It has an equal part, whatever its demand. */
  readonly isEqual: boolean
}

/** Of all replicas together: what those have who have had no demand, so that the first requests there are not refused. */
const IDLE_RATIO = 0.03

/** Anybody can write a beat; null: it makes no sense. */
export function readClaim(written: unknown, perSecond: number): Claim | null {
  if (!Array.isArray(written)) return null
  const [claimed, demand, equal] = written as unknown[]
  const areNumbers = typeof claimed === 'number' && typeof demand === 'number' && claimed >= 0 && claimed <= 1 && demand >= 0
  return areNumbers ? { claimed, demand: demand / perSecond, isEqual: equal === 1 } : null
}

export function claimText({ claimed, demand, isEqual }: Claim, perSecond: number): readonly number[] {
  return [claimed, Number((demand * perSecond).toPrecision(6)), isEqual ? 1 : 0]
}

/**
 * The part for a replica of this demand among others: what those leave who have equal parts, by demand. Each replica comes to the same
 * result from the same beats, so the parts of all are the whole.
 */
export function partByDemand(demand: number, others: readonly Claim[]): number {
  const divided = others.filter(({ isEqual }) => !isEqual)
  const left = 1 - sum(others.filter(({ isEqual }) => isEqual).map(({ claimed }) => claimed))
  const idle = IDLE_RATIO / (others.length + 1)
  const weights = sum(divided.map((claim) => claim.demand + idle)) + demand + idle
  return Math.max(0, left) * ((demand + idle) / weights)
}

/** What nobody else claims. */
export function roomBeside(others: readonly Claim[]): number {
  return Math.max(0, 1 - sum(others.map(({ claimed }) => claimed)))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
