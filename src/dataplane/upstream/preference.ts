import type { Member, Members } from './members.ts'
import { fits, type Where } from './where.ts'

/** Who is called before whom: plain data. */
export interface PreferencePolicy {
  /** With a smaller share of the near instances eligible, the far ones take what is missing, 0 … 1; 0: only when no near one is left. */
  readonly zoneSpillBelowRatio: number
  readonly backup: BackupPolicy
}

/** Instances that wait until they are needed: plain data. */
export interface BackupPolicy {
  /** Those that fit the first stand in for those that fit none, those that fit the second for both, and so on. */
  readonly where: readonly Where[]
  /** Like {@link PreferencePolicy.zoneSpillBelowRatio}, of each group before the next. */
  readonly spillBelowRatio: number
}

/** Part of the members, and how much of all traffic it gets. */
interface Level {
  readonly eligible: readonly Member[]
  /** 0 … 1 */
  readonly share: number
}

/**
 * Whom to choose from: of the eligible those of the first backup group and of the own zone, as far as they can carry the traffic. What a level
 * lacks goes to the next one and comes back bit by bit, by weight, so that no step in the number of instances is a step in anyone's load.
 * Source: Envoy, priority levels and their overprovisioning factor, which is 1 / `spillBelow`.
 */
export function preferred(
  { all, eligible, isPanicking }: Omit<Members, 'preferred'>,
  policy: PreferencePolicy,
): readonly Member[] {
  const groups = policy.backup.where.length === 0 ? [all] : grouped(all, policy.backup.where)
  const hasZones = all.some(({ isNear }) => !isNear) && all.some(({ isNear }) => isNear)
  // Who is called in panic is not fit, so that its number says nothing about what it can carry.
  if (isPanicking || (groups.length === 1 && !hasZones)) return eligible
  const fit = new Set(eligible)
  const levels = spill(groups, policy.backup.spillBelowRatio, fit).flatMap(({ members, share }) =>
    spill(byZone(members), policy.zoneSpillBelowRatio, fit).map((level) => levelOf(level.members, share * level.share, fit)),
  )
  return weighed(levels.filter(({ eligible: some, share }) => share > 0 && some.length > 0))
}

type Fit = ReadonlySet<Member>

function levelOf(members: readonly Member[], share: number, fit: Fit): Level {
  return { eligible: members.filter((member) => fit.has(member)), share }
}

/** How much of the traffic each of the groups gets: the first as much as it can carry, the next of what is left. */
function spill(
  groups: readonly (readonly Member[])[],
  belowRatio: number,
  fit: Fit,
): { members: readonly Member[]; share: number }[] {
  let left = 1
  const shares = groups.map((members) => {
    const share = Math.min(left, capacity(members, belowRatio, fit))
    left -= share
    return { members, share }
  })
  // All together cannot carry it: each gets more than it should, in proportion.
  const carried = 1 - left
  return carried === 0 ? [] : shares.map(({ members, share }) => ({ members, share: share / carried }))
}

function capacity(members: readonly Member[], belowRatio: number, fit: Fit): number {
  const healthy = members.filter((member) => fit.has(member)).length
  if (healthy === 0) return 0
  return belowRatio === 0 ? 1 : Math.min(1, healthy / members.length / belowRatio)
}

function grouped(all: readonly Member[], backup: readonly Where[]): readonly (readonly Member[])[] {
  const groups = [-1, ...backup.keys()]
  return groups.map((group) => all.filter((member) => backup.findIndex((where) => fits(member, where)) === group))
}

function byZone(members: readonly Member[]): readonly (readonly Member[])[] {
  return [members.filter(({ isNear }) => isNear), members.filter(({ isNear }) => !isNear)]
}

/** The members of all levels, with weights by which each level gets its share. */
function weighed(levels: readonly Level[]): readonly Member[] {
  const [first] = levels
  if (!first || levels.length === 1) return first?.eligible ?? []
  const unit = weightOf(first.eligible) / first.share
  return levels.flatMap(({ eligible, share }) => {
    const factor = (unit * share) / weightOf(eligible)
    return factor === 1 ? eligible : eligible.map((member) => ({ ...member, weight: member.weight * factor }))
  })
}

function weightOf(members: readonly Member[]): number {
  return members.reduce((sum, { weight }) => sum + weight, 0)
}
