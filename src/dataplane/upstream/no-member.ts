import { formatDurationMs } from '../../durations.ts'
import type { Failure } from '../exchange.ts'
import type { Member, Members } from './members.ts'

interface Source {
  readonly name: string
  readonly members: Members
  ejectedForMs(endpointKey: string): number | null
}

/** Why an upstream, or the part of it that `which` names, has nobody to send to. */
export function noMember(source: Source, members: readonly Member[], which = ''): Failure {
  const {
    name,
    members: { known },
  } = source
  if (!known) return { code: 'upstream_unknown', detail: `the registry has not told the instances of "${name}" yet` }
  if (members.length === 0) return { code: 'no_instance', detail: `the registry lists no instance of "${name}"${which}` }
  const reasons = members.map((member) => `${member.id}: ${reasonOf(member, source)}`).join(', ')
  return { code: 'no_healthy_instance', detail: `"${name}"${which} has ${members.length} instances, none eligible (${reasons})` }
}

function reasonOf({ exclusion, endpoint }: Member, source: Source): string {
  const forMs = exclusion === 'ejected' ? source.ejectedForMs(endpoint.key) : null
  return forMs === null ? String(exclusion) : `ejected ${formatDurationMs(forMs)}`
}
