import { z } from 'zod'

/** How many moves are remembered; with the last move of a revision the revision itself goes. */
const MOVES_KEPT = 50

const id = z.string().regex(/^[0-9a-f]{64}$/)

const move = z.object({
  /** Counts up by one. */
  number: z.int().min(1),
  kind: z.enum(['apply', 'rollback', 'trial', 'promote', 'undo']),
  /** What serves after it (of a trial and of what ends it: what is tried); null: the config files alone. */
  revision: id.nullable(),
  author: z.string(),
  reason: z.string(),
  /** ISO 8601. */
  at: z.string(),
})

const pointer = z.object({
  revision: id.nullable(),
  number: z.int().min(1),
  /** A revision that some replicas take first. */
  trial: z
    .object({
      revision: id.nullable(),
      number: z.int().min(1),
      replicas: z.array(z.string()).min(1),
      /** How long each of them is watched, ms. */
      watchMs: z.int().min(1),
      /** Of theirs; fewer are too few to judge by. */
      minRequests: z.int().min(0),
      /** What is not decided after so long is undone, ms. */
      deadlineMs: z.int().min(1),
    })
    .nullable(),
  /** The newest first. */
  moves: z.array(move).min(1),
})

/** One move of the pointer. */
export type Move = z.output<typeof move>

/** The one key that says which revision serves, with how it came to that: both change in one write. */
export type Pointer = z.output<typeof pointer>

export type Trial = NonNullable<Pointer['trial']>

/** Who moves it, and why. */
export interface Mover {
  readonly kind: Move['kind']
  readonly author: string
  readonly reason: string
  readonly at: string
}

/** Below it are the pointer and the revisions. */
export function pointerKey(prefix: string): string {
  return `${prefix}/config/current`
}

/** The folder of the keys of a revision; without one: of all. */
export function revisionFolder(prefix: string, revision?: string): string {
  return revision === undefined ? `${prefix}/config/revisions/` : `${prefix}/config/revisions/${revision}/`
}

/** Reads the pointer; null: what is there is none. */
export function readPointer(value: Buffer): Pointer | null {
  try {
    return pointer.parse(JSON.parse(value.toString('utf8')))
  } catch {
    return null
  }
}

/** Which revision one replica is to run, and by which move. */
export function targetOf({ revision, number, trial }: Pointer, replica: string | null): { id: string | null; number: number } {
  if (trial && replica !== null && trial.replicas.includes(replica)) return { id: trial.revision, number: trial.number }
  return { id: revision, number }
}

/** The pointer after all are moved to a revision; a trial ends with it. */
export function moved(before: Pointer | null, revision: string | null, mover: Mover): Pointer {
  const next = { number: nextNumber(before), revision, ...mover }
  return { revision, number: next.number, trial: null, moves: withMove(before, next) }
}

/** The pointer after some replicas are given a revision. */
export function tried(before: Pointer | null, trial: Omit<Trial, 'number'>, mover: Mover): Pointer {
  const next = { number: nextNumber(before), revision: trial.revision, ...mover }
  const { revision = null, number = next.number } = before ?? {}
  return { revision, number, trial: { ...trial, number: next.number }, moves: withMove(before, next) }
}

/** The pointer after a trial has ended with "no": everybody runs what the others have run all the time. */
export function untried(before: Pointer, mover: Mover): Pointer {
  const next = { number: nextNumber(before), revision: before.trial?.revision ?? null, ...mover }
  return { revision: before.revision, number: next.number, trial: null, moves: withMove(before, next) }
}

/** Every revision that the pointer or its moves name. */
export function namedBy({ revision, trial, moves }: Pointer): ReadonlySet<string> {
  const all = [revision, trial?.revision, ...moves.map((made) => made.revision)]
  return new Set(all.filter((named) => typeof named === 'string'))
}

function nextNumber(before: Pointer | null): number {
  return (before?.moves[0]?.number ?? 0) + 1
}

function withMove(before: Pointer | null, next: Move): Move[] {
  return [next, ...(before?.moves ?? [])].slice(0, MOVES_KEPT)
}
