import type { Asker } from '../../dataplane/exchange.ts'
import type { Destination } from '../../dataplane/snapshot.ts'
import type { Endpoint } from '../../dataplane/upstream/endpoint.ts'
import { fits } from '../../dataplane/upstream/where.ts'
import type { ExplainedInstance } from './explanation.ts'

/** The other replicas whose probes decide on an instance, by the name of its upstream and its address. */
export type SeenBy = (upstream: string, address: string) => readonly string[]

/** The instances of a destination, with the reason of each that gets nothing, and how often the balancer picks each of the others. */
export function explainInstances(
  { upstream, where, picker }: Destination,
  asker: Asker,
  { tries, seenBy }: { readonly tries: number; readonly seenBy: SeenBy },
): readonly ExplainedInstance[] {
  const picks = new Map<Endpoint | null, number>()
  for (let at = 0; at < tries; at++) {
    const picked = picker.tryOut(asker)
    picks.set(picked, (picks.get(picked) ?? 0) + 1)
  }
  const preferred = new Set(upstream.members.preferred.map(({ endpoint }) => endpoint))
  const isPartial = where !== undefined
  return upstream.members.all
    .filter((member) => !where || fits(member, where))
    .map(({ id, endpoint, weight, exclusion, detail = null }) => ({
      id,
      address: endpoint.key,
      weight,
      exclusion,
      detail,
      seenBy: seenBy(upstream.name, endpoint.key),
      standby: exclusion === null && !isPartial && !preferred.has(endpoint),
      inFlight: endpoint.inFlight,
      share: (picks.get(endpoint) ?? 0) / tries,
    }))
}
