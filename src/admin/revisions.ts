import type { Applied, ApplyRequest, Candidate, RevisionDesk, RevisionPreview } from '../controlplane/revisions/revision-desk.ts'
import { staging } from '../controlplane/trials/staging.ts'
import { MAX_REVISION_BYTES } from '../controlplane/revisions/content.ts'
import { GatewayError } from '../errors.ts'

/** A revision as a body: JSON may need two bytes for one. */
export const REVISION_BODY_BYTES = 2 * MAX_REVISION_BYTES + 64 * 1024

const MOST_CHARACTERS = 1_000

/** Throws `usage`, and what `preview` throws. */
export async function previewRevision(desk: Pick<RevisionDesk, 'preview'>, body: unknown): Promise<RevisionPreview> {
  return desk.preview(candidateIn(fieldsOf(body)))
}

/** Throws `usage`, and what `apply` throws. */
export async function applyRevision(desk: Pick<RevisionDesk, 'apply'>, body: unknown): Promise<Applied> {
  const fields = fieldsOf(body)
  return desk.apply({
    candidate: candidateIn(fields),
    base: baseIn(fields),
    staged: stagedIn(fields),
    author: textIn(fields, 'author') || 'somebody',
    reason: textIn(fields, 'reason'),
  })
}

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(body: unknown): Fields {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields
  throw new GatewayError('usage', 'the body is not a JSON object')
}

function candidateIn({ files, revision }: Fields): Candidate {
  if (files === undefined && (typeof revision === 'string' || revision === null)) return { revision }
  if (revision === undefined && Array.isArray(files) && files.length > 0 && files.every(isFile)) return { files }
  throw new GatewayError('usage', 'give either "files", a list of { "name", "text" }, or "revision", an id, a move or null')
}

function isFile(file: unknown): file is { readonly name: string; readonly text: string } {
  const { name, text } = (file ?? {}) as Fields
  return typeof name === 'string' && typeof text === 'string'
}

function baseIn({ base }: Fields): ApplyRequest['base'] {
  if (base === undefined || Number.isSafeInteger(base)) return base as number | undefined
  throw new GatewayError('usage', '"base" is not the number of a move')
}

function stagedIn({ staged }: Fields): ApplyRequest['staged'] {
  if (staged === undefined) return undefined
  const { data, error } = staging.safeParse(staged)
  if (data) return data
  const [issue] = error.issues
  throw new GatewayError('usage', `"${['staged', ...(issue?.path ?? [])].join('.')}": ${issue?.message}`)
}

function textIn(fields: Fields, name: string): string {
  const text = fields[name] ?? ''
  if (typeof text === 'string' && text.length <= MOST_CHARACTERS) return text
  throw new GatewayError('usage', `"${name}" is not a text of at most ${MOST_CHARACTERS} characters`)
}
