import type { ConfigChange, FieldChange } from '../controlplane/revisions/config-diff.ts'
import { shortId } from '../controlplane/revisions/content.ts'
import type { Trial } from '../controlplane/revisions/pointer.ts'
import type { RevisionPreview } from '../controlplane/revisions/revision-desk.ts'
import { formatProblem } from '../config/problem.ts'

const signs = { added: '+', removed: '-', changed: '~' } as const

/** What people call a revision. */
export function revisionName(revision: string | null): string {
  return revision === null ? 'the config files alone' : `revision ${shortId(revision)}`
}

/** The same, where there is little room. */
export function nameOf(revision: string | null): string {
  return revision === null ? '(files)' : shortId(revision)
}

/** Who tries what, for eyes. */
export function trialText({ revision, number, replicas }: Trial): string {
  return `${replicas.join(', ')} ${replicas.length === 1 ? 'tries' : 'try'} ${revisionName(revision)} (move ${number})`
}

/** What a revision would change, for eyes. */
export function previewText(preview: RevisionPreview): string {
  const { changes, warnings, trial } = preview
  const lines = [
    ...changes.flatMap(changeLines),
    ...warnings.map((warning) => `warning: ${formatProblem(warning)}`),
    ...(trial ? [`warning: ${trialText(trial)}, which this would end`] : []),
    impactText(preview),
  ]
  return `${lines.join('\n')}\n`
}

function impactText({ changes, impact, isCurrent, revision }: RevisionPreview): string {
  if (isCurrent) return `${revisionName(revision)} is in force already`
  const { routes, webSockets, webSocketsClosing } = impact
  const others = changes.length - routes
  const what = `${count(routes, 'route')} ${routes === 1 ? 'changes' : 'change'}${others > 0 ? ` (and ${count(others, 'other part')})` : ''}`
  return `${what}, ${count(webSocketsClosing)} of ${count(webSockets, 'open WebSocket')} ${webSocketsClosing === 1 ? 'closes' : 'close'}`
}

function changeLines({ kind, name, change, fields }: ConfigChange): readonly string[] {
  return [
    `${signs[change]} ${kind === 'defaults' ? kind : `${kind} ${name}`}`,
    ...fields.map((field) => `    ${fieldText(field)}`),
  ]
}

function fieldText({ path, before, after }: FieldChange): string {
  if (before === null && after === null) return `${path}: changes`
  return `${path}: ${before ?? '(none)'} → ${after ?? '(none)'}`
}

/** A number for eyes, with its noun: `1,204 requests`. */
export function count(number: number, noun?: string): string {
  const digits = number.toLocaleString('en-US')
  return noun === undefined ? digits : `${digits} ${noun}${number === 1 ? '' : 's'}`
}
