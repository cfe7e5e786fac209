import { HASH_SEED, hashText } from '../../dataplane/rendezvous.ts'
import type { HealthPolicy } from '../../health/policy.ts'

/**
 * The replicas that are to probe an instance, the first one first: those with the highest scores (rendezvous hashing), so that one that comes
 * or goes moves only what it probes, and all agree who it is without talking.
 */
export function observersOf(subject: string, replicas: readonly string[], count: number): readonly string[] {
  return replicas
    .map((replica) => ({ replica, score: hashText(hashText(HASH_SEED, replica), subject) }))
    .toSorted((a, b) => b.score - a.score || (a.replica < b.replica ? -1 : 1))
    .slice(0, count)
    .map(({ replica }) => replica)
}

/**
 * Who probes an upstream in the same way. A replica with another way, as one that tries a revision, speaks for itself alone: what fails by a
 * wrong path is up for those who ask for the right one.
 */
export function groupOf(upstream: string, policy: HealthPolicy): string {
  return `${upstream} ${hashText(HASH_SEED, JSON.stringify(policy)).toString(36)}`
}
