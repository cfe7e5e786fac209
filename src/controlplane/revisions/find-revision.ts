import { GatewayError } from '../../errors.ts'
import { shortId } from './content.ts'
import type { Move, Pointer } from './pointer.ts'

/** Of an id, so many characters are enough if they name one only. */
const LEAST_CHARACTERS = 4

/**
 * Which revision a person means: the start of an id, or the number of a move; null: the one that served before the present one, which while
 * one is on trial is the one that the others run. Gives null for the config files alone. Throws `not_found`.
 */
export function findRevision(text: string | null, pointer: Pointer | null): string | null {
  if (!pointer) throw new GatewayError('not_found', 'no revision has ever been applied here')
  if (text === null) return pointer.trial ? pointer.revision : beforeNow(pointer)
  const move = pointer.moves.find(({ number }) => String(number) === text)
  if (move) return move.revision
  if (text.length < LEAST_CHARACTERS) throw unknown(text)
  const ids = new Set(pointer.moves.flatMap(({ revision }) => (revision?.startsWith(text.toLowerCase()) ? [revision] : [])))
  const [id, ...others] = ids
  if (id === undefined) throw unknown(text)
  if (others.length > 0)
    throw new GatewayError('not_found', `${text} is the start of several revisions: ${[...ids].map(shortId).join(', ')}`)
  return id
}

/** What served before a revision was put in force: of several moves to it, before the first of them in a row. */
function beforeNow({ revision, moves }: Pointer): string | null {
  const served = moves.filter(changesAll)
  const at = served.findIndex((move) => move.revision !== revision)
  const found = served[at]
  if (found) return found.revision
  if (revision !== null) return null
  throw new GatewayError('not_found', 'no revision is in force, and none was before')
}

/** A trial and its end by "no" leave most replicas where they are. */
function changesAll({ kind }: Move): boolean {
  return kind !== 'trial' && kind !== 'undo'
}

function unknown(text: string): GatewayError {
  return new GatewayError('not_found', `there is no revision or move "${text}"; meshgate history lists them`)
}
