import { z } from 'zod'

const outcome = {
  by: z.string(),
  /** Of the leader that it belongs to. */
  term: z.string(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  /** Null: it has not come to an outcome. */
  ok: z.boolean().nullable(),
  detail: z.string(),
}

const attempt = z.object(outcome)

/** One try of a run. One without an outcome is under way, or was interrupted: its gateway died, stopped, or lost the lead. */
export type Attempt = Readonly<z.infer<typeof attempt>>

const record = z.object({
  ...outcome,
  pid: z.number(),
  /** Why it runs: its time has come, it makes up for fires that were missed, or somebody asked for it. */
  cause: z.enum(['schedule', 'catchUp', 'request']).default('schedule'),
  /** Of a run that makes up for several fires: the planned time of the first one. */
  since: z.string().optional(),
  attempts: z.array(attempt).default([]),
})

/** One run of one task: written before it starts, so that no fire runs twice, and after each attempt. It is open until `ok` is set. */
export interface RunRecord extends Readonly<z.infer<typeof record>> {
  readonly task: string
  /** The planned time, ISO 8601 in UTC. */
  readonly fireTime: string
}

/** The gateway that has a run in hand. */
export interface Holder {
  readonly by: string
  readonly pid: number
  readonly term: string
}

/** The term of a run that somebody has asked for and no leader has taken yet: smaller than all. */
export const NO_TERM = '0'

/** Whether a run was asked for and no leader has taken it yet. */
export function isOrder({ ok, term }: RunRecord): boolean {
  return ok === null && term === NO_TERM
}

/** A planned time as part of a key: `20261123T163000Z`; that of a run which was asked for has its ms. */
export function fireTimeName(fireTime: Date): string {
  return fireTime
    .toISOString()
    .replace(/\.000Z$/, 'Z')
    .replace(/[-:]/g, '')
}

/** The text of a record; its task and its planned time are its key. */
export function recordText(written: RunRecord): string {
  return JSON.stringify({ ...written, task: undefined, fireTime: undefined })
}

/** Reads `<task>/<planned time>` and the text that stands there; null: no key of ours. */
export function readRecord(name: string, text: string): RunRecord | null {
  const found = /^(.+)\/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\.\d{3})?Z$/.exec(name)
  if (!found) return null
  const [, task = '', year, month, day, hour, minute, second, ms = '.000'] = found
  const fireTime = `${year}-${month}-${day}T${hour}:${minute}:${second}${ms}Z`
  // Anybody can write there: the 99th of a month is no fire of ours.
  if (Number.isNaN(Date.parse(fireTime)) || new Date(fireTime).toISOString() !== fireTime) return null
  try {
    const written = record.parse(JSON.parse(text))
    // An open run without attempts is that of a gateway which did not tell them apart from the run: it has had one.
    const isUntold = written.ok === null && written.attempts.length === 0 && written.term !== NO_TERM
    return { ...written, ...(isUntold ? { attempts: [attempt.parse(written)] } : {}), task, fireTime }
  } catch {
    // Not written by a gateway. It still counts: the fire must not run again.
    return { ...unreadable, attempts: [], task, fireTime, startedAt: fireTime }
  }
}

const unreadable = {
  by: '?',
  pid: 0,
  term: '?',
  endedAt: null,
  ok: false,
  detail: 'unreadable record',
  cause: 'schedule',
} as const

/** The latest planned first. */
export function latestFirst(left: RunRecord, right: RunRecord): number {
  return left.fireTime < right.fireTime ? 1 : -1
}

/** Whether a leader of this term has to see to a run: nobody else does any more. */
export function isLeftTo(term: bigint, { ok, term: ofRun }: RunRecord): boolean {
  return ok === null && /^\d{1,20}$/.test(ofRun) && BigInt(ofRun) <= term
}
