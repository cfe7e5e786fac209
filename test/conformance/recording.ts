import { readFileSync } from 'node:fs'

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What happens between two recorded rows: a request, a change of the checked target, or waiting for what the registry does by itself. */
export type Step =
  | (Request & { readonly captures?: Readonly<Record<string, string>> })
  | { readonly target: { readonly status: number; readonly body: string } }
  | { readonly until: { readonly path: string; readonly matches: string } }

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

export interface Row {
  readonly id: string
  readonly before?: readonly Step[]
  readonly request: Request
  /** Sent while the row's own request waits. */
  readonly during?: Request
  readonly response: Answer
  /** JSON pointers, `header:<name>` or `body`: not compared. */
  readonly volatile?: readonly string[]
  /** Whether the lists of the body have no order. */
  readonly isUnordered?: boolean
  readonly captures?: Readonly<Record<string, string>>
  readonly relations?: readonly (readonly [string, string, string | number])[]
  /** How long the answer took when it was recorded, ms; only on rows that wait. */
  readonly observedMs?: number
  /** The request is sent again until the body matches. */
  readonly repeatUntil?: string
  /** How long after another row's end this one ends. */
  readonly measured?: { readonly since: string; readonly atLeastMs: number; readonly atMostMs: number }
}

/** All recorded answers of the HTTP API, in the order in which they were recorded: each depends on the ones before it. */
export const rows = (JSON.parse(readFileSync(new URL('./recording.json', import.meta.url), 'utf8')) as { rows: Row[] }).rows
