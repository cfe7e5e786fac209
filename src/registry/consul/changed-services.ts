import { z } from 'zod'
import type { ConsulReply } from './client.ts'
import { parseJson } from './json.ts'

const tagsByService = z.record(z.string(), z.array(z.string()).nullable())
const checks = z.array(z.object({ Node: z.string(), CheckID: z.string(), Status: z.string(), ServiceName: z.string().nullish() }))

/** `catalog/services` with its index, which moves with each registration even if the tags do not tell. */
export interface ServiceTags {
  readonly index: string | null
  readonly byService: ReadonlyMap<string, string>
}

/** Which checks are ill, by the service they are of; those of a node stand under the empty name. */
export type IllChecks = ReadonlyMap<string, string>

export function decodeServiceTags({ body, index }: ConsulReply): ServiceTags {
  const found = Object.entries(parseJson(body, tagsByService))
  return { index, byService: new Map(found.map(([service, tags]) => [service, (tags ?? []).toSorted().join('\0')])) }
}

/** Reads `health/state/<state>`; what a check has put out means nothing here. */
export function decodeIllChecks({ body }: ConsulReply): IllChecks {
  const byService = Map.groupBy(parseJson(body, checks), ({ ServiceName }) => ServiceName ?? '')
  return new Map([...byService].map(([service, ill]) => [service, ill.map(nameOf).toSorted().join('\0')]))
}

function nameOf({ Node, CheckID, Status }: z.infer<typeof checks>[number]): string {
  return `${Node} ${CheckID} ${Status}`
}

/** The services of which the two tell different things. */
export function changedServices(before: ReadonlyMap<string, string>, next: ReadonlyMap<string, string>): ReadonlySet<string> {
  return new Set([...before.keys(), ...next.keys()].filter((service) => before.get(service) !== next.get(service)))
}
