import type { Change, SimulationReport } from '../controlplane/simulation/simulation.ts'
import { differenceText } from './explanation-text.ts'
import { count } from './revision-text.ts'

/** What came of a log. */
export interface Simulated extends SimulationReport {
  /** Of the gateway's log, about something else than a request by routes. */
  readonly otherLines: number
  readonly badLines: number
  readonly firstBad: readonly { readonly line: number; readonly why: string }[]
}

const MOST_CHANGES = 20
const MOST_UNKNOWN = 5

/** A replayed log for eyes. */
export function simulationText(simulated: Simulated, names: { log: string; now: string; against: string }): string {
  const { requests, changed, changes, unjudged, elsewhere, ungrouped } = simulated
  const others = changes.slice(MOST_CHANGES).reduce((sum, change) => sum + change.requests, ungrouped)
  const lines = [
    `${count(requests, 'request')} of ${names.log}, by ${names.now} and by ${names.against}`,
    `${count(changed)} would change, ${count(requests - changed - unjudged)} would not, ${count(unjudged)} cannot be judged`,
    ...changes.slice(0, MOST_CHANGES).flatMap(changeLines),
    ...(others > 0 ? ['', `${count(others, 'request')} with other changes; --json has more of them`] : []),
    ...notes([unknownText(simulated), elsewhereText(elsewhere), badText(simulated), otherText(simulated)]),
  ]
  return `${lines.join('\n')}\n`
}

/** Why nothing came of a log. */
export function emptyText({ badLines, firstBad, otherLines }: Simulated): string {
  const [bad] = firstBad
  const lines = `${count(otherLines, 'line')} about something else, ${count(badLines)} that cannot be read`
  return `${lines}${bad ? ` (line ${bad.line}: ${bad.why})` : ''}`
}

function changeLines({ now, candidate, requests, differences, example }: Change): readonly string[] {
  const { method, host, path, line } = example
  const way = now === candidate ? `route ${routeName(now)}` : `route ${routeName(now)} -> ${routeName(candidate)}`
  return [
    '',
    `${count(requests, 'request')}: ${way}, as ${method} http://${host}${path} (line ${line})`,
    ...differences.filter(({ what }) => what !== 'route').map((difference) => `    ${differenceText(difference)}`),
  ]
}

function unknownText({ unjudged, unknown }: Simulated): string | null {
  if (unjudged === 0) return null
  const told = unknown.slice(0, MOST_UNKNOWN).map(({ condition, requests }) => `${condition} (${count(requests)})`)
  const more = unknown.length > MOST_UNKNOWN ? `, and ${count(unknown.length - MOST_UNKNOWN)} more` : ''
  return `not judged, as the log has no header fields and no query: ${told.join(', ')}${more}`
}

function elsewhereText(elsewhere: number): string | null {
  return elsewhere === 0
    ? null
    : `${count(elsewhere, 'request')} took another route when logged: what serves is not the config of then`
}

function badText({ badLines, firstBad }: Simulated): string | null {
  if (badLines === 0) return null
  const told = firstBad.map(({ line, why }) => `line ${line}: ${why}`)
  return `${count(badLines, 'line')} cannot be read: ${told.join('; ')}${badLines > firstBad.length ? '; …' : ''}`
}

function otherText({ otherLines }: Simulated): string | null {
  return otherLines === 0 ? null : `${count(otherLines, 'line')} about something else than a request by routes`
}

function notes(texts: readonly (string | null)[]): readonly string[] {
  const told = texts.filter((text) => text !== null)
  return told.length === 0 ? [] : ['', ...told]
}

function routeName(route: string | null): string {
  return route ?? '(none)'
}
