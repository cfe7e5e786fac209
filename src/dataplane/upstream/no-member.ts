import type { Failure } from '../exchange.ts'
import type { Member, Members } from './members.ts'

interface Source {
  readonly name: string
  readonly members: Members
}

/** Why an upstream, or the part of it that `which` names, has nobody to send to. */
export function noMember({ name, members: { known } }: Source, members: readonly Member[], which = ''): Failure {
  if (!known) return { code: 'upstream_unknown', detail: `the registry has not told the instances of "${name}" yet` }
  if (members.length === 0) return { code: 'no_instance', detail: `the registry lists no instance of "${name}"${which}` }
  const reasons = members.map(({ id, exclusion }) => `${id}: ${exclusion}`).join(', ')
  return { code: 'no_healthy_instance', detail: `"${name}"${which} has ${members.length} instances, none eligible (${reasons})` }
}
