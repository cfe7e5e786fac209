import { formatDurationMs } from '../../durations.ts'
import type { Failure } from '../exchange.ts'
import type { Exclusion, Member, Members } from './members.ts'

interface Source {
  readonly name: string
  readonly members: Members
  ejectedForMs(endpointKey: string): number | null
}

const wordsOf: Readonly<Record<Exclusion, string>> = {
  unprobed: 'not probed yet',
  probe_failing: 'failing',
  registry_critical: 'critical in the registry',
  maintenance: 'in maintenance',
  draining: 'draining',
  weight_zero: 'of weight 0',
  ejected: 'ejected',
}

/** So many different reasons are told. */
const MOST_TOLD = 8

/** A reason holds for so long if the members stay, ms: of what changes with time whole seconds are told. */
const HOLDS_MS = 1_000

interface Told {
  readonly failure: Failure
  /** Monotonic ms. */
  readonly until: number
}

/**
 * Tells why an upstream, or a part of it, has nobody to send to: `4 known: 2 failing /healthz (HTTP 500), 1 ejected 12s`. When a large upstream fails,
 * everybody is told so: its members are gone through once a second and not for each of them.
 */
export class NoMember {
  readonly #told = new WeakMap<readonly Member[], Told>()

  /** `which` names the part that the members are; `now` in monotonic ms. */
  whyNone(source: Source, members: readonly Member[], { which, now }: { readonly which: string; readonly now: number }): Failure {
    const told = this.#told.get(members)
    if (told && told.until > now) return told.failure
    const failure = noMember(source, members, which)
    if (failure.code === 'no_healthy_instance') this.#told.set(members, { failure, until: now + HOLDS_MS })
    return failure
  }
}

function noMember(source: Source, members: readonly Member[], which: string): Failure {
  const {
    name,
    members: { known },
  } = source
  if (!known) return { code: 'upstream_unknown', detail: `the registry has not told the instances of "${name}" yet` }
  if (members.length === 0) return { code: 'no_instance', detail: `the registry lists no instance of "${name}"${which}` }
  return { code: 'no_healthy_instance', detail: `${members.length} known${which}: ${reasonsOf(members, source)}` }
}

function reasonsOf(members: readonly Member[], source: Source): string {
  const counts = new Map<string, number>()
  for (const member of members) {
    const reason = reasonOf(member, source)
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const told = [...counts].slice(0, MOST_TOLD).map(([reason, count]) => `${count} ${reason}`)
  return counts.size > MOST_TOLD ? `${told.join(', ')} and more` : told.join(', ')
}

function reasonOf({ exclusion, endpoint, detail }: Member, source: Source): string {
  const words = exclusion === null ? 'eligible' : wordsOf[exclusion]
  if (exclusion === 'probe_failing' && detail !== undefined) {
    // Its address is no reason: those that fail alike are counted together.
    return `${words} ${detail.replace(endpoint.key, '').replace(' )', ')')}`
  }
  const forMs = exclusion === 'ejected' ? source.ejectedForMs(endpoint.key) : null
  return forMs === null ? words : `${words} ${formatDurationMs(forMs)}`
}
