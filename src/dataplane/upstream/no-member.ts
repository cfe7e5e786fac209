import type { Failure } from '../exchange.ts'
import type { Upstream } from './upstream.ts'

/** Why an upstream has nobody to send to. */
export function noMember({ name, members }: Upstream): Failure {
  if (!members.known) return { code: 'upstream_unknown', detail: `the registry has not told the instances of "${name}" yet` }
  if (members.all.length === 0) return { code: 'no_instance', detail: `the registry lists no instance of "${name}"` }
  const reasons = members.all.map(({ id, exclusion }) => `${id}: ${exclusion}`).join(', ')
  return { code: 'no_healthy_instance', detail: `"${name}" has ${members.all.length} instances, none eligible (${reasons})` }
}
