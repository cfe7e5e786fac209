import { formatDurationMs } from '../durations.ts'
import type {
  ExplainedDestination,
  ExplainedInstance,
  Explanation,
  Pick,
  PolicyValue,
  TriedRoute,
} from '../controlplane/explain/explanation.ts'
import type { Difference } from '../controlplane/explain/difference.ts'
import { tableText } from './admin-query.ts'
import { revisionName } from './revision-text.ts'

/** An explanation for eyes. */
export function explanationText(explanation: Explanation): string {
  const { request, route, shadows, filters, refusal, untold, generation, revision, path, pick } = explanation
  const lines = [
    `${request.method} ${request.host}${request.path}${request.query} of ${request.client}, config ${generation}${revision === null ? '' : `, ${revisionName(revision)}`}`,
    route === null
      ? `no route takes it: ${refusal?.code ?? ''}`
      : `route ${route}${shadows.length > 0 ? `, which shadows ${shadows.join(', ')}` : ''}`,
    ...(filters.length > 0
      ? [`filters: ${filters.map(({ kind, outcome, status }) => `${kind} (${status ?? outcome})`).join(', ')}`]
      : []),
    ...(path === request.path ? [] : [`path behind the filters: ${path}`]),
    ...(pick ? [`it goes to ${pickText(pick)}`] : []),
  ]
  const routes = tableText(['ROUTE', 'TAKES IT', 'WHY NOT', 'WRITTEN'], explanation.tried.map(routeRow))
  const more = untold > 0 ? `and ${untold} more, none of which is near\n` : ''
  return `${lines.join('\n')}\n\n${routes}${more}${explanation.destinations.map(destinationText).join('')}`
}

/** One difference between two configs for eyes. */
export function differenceText({ what, now, candidate }: Difference): string {
  // Both are untold where they may be secrets.
  if (now === null && candidate === null) return `${what}: others`
  return `${what}: ${JSON.stringify(now)} -> ${JSON.stringify(candidate)}`
}

function pickText({ destination, upstream, instance, address }: Pick): string {
  const part = destination === upstream ? upstream : `${destination} of ${upstream}`
  return instance === null ? `${part}, where no instance can be picked` : `${part}, instance ${instance} at ${address}`
}

function routeRow({ route, takes, failed, at }: TriedRoute): readonly string[] {
  return [
    route,
    takes ? 'yes' : 'no',
    failed.map(({ part, wanted, found }) => `${part}: ${wanted}, not ${found}`).join('; ') || '-',
    at ?? '-',
  ]
}

function destinationText(destination: ExplainedDestination): string {
  const { name, upstream, where, share, balance, instances, policy, refusal } = destination
  const part = where
    ? ` where { ${Object.entries(where)
        .map(([key, value]) => `${key}: ${value}`)
        .join(', ')} }`
    : ''
  const head = `${percent(share)} to ${name === upstream ? '' : `${name}: `}upstream ${upstream}${part}, ${balance}`
  const why = refusal ? `refused now: ${refusal.code}: ${refusal.reason}\n` : ''
  const rows =
    instances.length === 0
      ? 'no instance is known\n'
      : tableText(['INSTANCE', 'ADDRESS', 'PICKED', 'UNDER WAY', 'WHY NOT'], instances.map(instanceRow))
  return `\n${head}\n${why}${rows}${tableText(['SETTING', 'VALUE', 'FROM', 'WRITTEN'], policy.map(policyRow))}`
}

function instanceRow({ id, address, share, inFlight, exclusion, detail, seenBy, standby }: ExplainedInstance): readonly string[] {
  const seen = seenBy.length === 0 ? '' : `, seen by ${seenBy.join(', ')}`
  const why =
    exclusion === null
      ? standby
        ? 'others are called first'
        : '-'
      : `${exclusion}${detail === null ? '' : `: ${detail}${seen}`}`
  return [id, address, percent(share), String(inFlight), why]
}

function policyRow({ setting, value, from, at }: PolicyValue): readonly string[] {
  return [setting, valueText(setting, value), from, at ?? '-']
}

function valueText(setting: string, value: unknown): string {
  if (value === null) return 'off'
  if (setting.endsWith('Ms') && typeof value === 'number') return formatDurationMs(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
