import { parseArgs } from 'node:util'
import { request } from 'undici'
import { GatewayError, messageOf, type ErrorCode } from '../errors.ts'
import { formatAddress, parseAddress, type Address } from '../address.ts'

/** Options of all commands that ask a running gateway, as their help tells them. */
export const adminOptionsHelp = `options:
  --admin HOST:PORT   the gateway's admin API (default 127.0.0.1:8081)
  --json              the answer as JSON, for machines`

/** How long an admin API may take, ms. */
const ANSWER_MS = 5_000
/** The same when it is given a body that may be 10,000 routes, ms. */
const BODY_ANSWER_MS = 30_000

/** What a command that asks a running gateway was told. */
export interface AdminQuery {
  readonly admin: Address
  readonly json: boolean
}

/** Of all commands that ask a running gateway, as `util.parseArgs` takes them. */
export const adminOptions = {
  admin: { type: 'string', default: '127.0.0.1:8081' },
  json: { type: 'boolean', default: false },
} as const

/** Reads `--admin` and `--json`. Throws `usage`. */
export function parseAdminArgs(args: readonly string[]): AdminQuery {
  const { values } = parseArgs({ args: [...args], options: adminOptions })
  return { admin: adminAddress(values.admin), json: values.json }
}

/** Throws `usage`. */
export function adminAddress(text: string): Address {
  const admin = parseAddress(text, '127.0.0.1')
  if (!admin) throw new GatewayError('usage', `--admin ${text}: expected HOST:PORT, as in --admin 127.0.0.1:8081`)
  return admin
}

/**
 * Asks the admin API and gives the answer, if it has the field `proof`, which tells it from an answer of anything else that may listen there.
 * Throws `admin_unreachable` with what to do.
 */
export function askAdmin<T extends object>(admin: Address, path: string, proof: keyof T): Promise<T> {
  return callAdmin(admin, { method: 'GET', path }, proof)
}

/** Has the admin API do something; like {@link askAdmin}. Throws `admin_unreachable`, and {@link refusals} as it says them. */
export function tellAdmin(admin: Address, path: string, proof: string): Promise<object> {
  return callAdmin<Record<string, unknown>>(admin, { method: 'POST', path }, proof)
}

/** Like {@link tellAdmin}, with a body. */
export function postAdmin<T extends object>(admin: Address, call: { path: string; body: object }, proof: keyof T): Promise<T> {
  return callAdmin(admin, { method: 'POST', ...call }, proof)
}

interface AdminCall {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Sent as JSON. */
  readonly body?: object
}

/** What the gateway says no with, and the command too. */
const refusals: readonly ErrorCode[] = [
  'not_found',
  'usage',
  'config_invalid',
  'revision_conflict',
  'no_leader',
  'task_failed',
  'body_too_large',
  'registry_unavailable',
  'registry_timeout',
  'registry_refused',
  'registry_protocol',
]

async function callAdmin<T extends object>(admin: Address, call: AdminCall, proof: keyof T): Promise<T> {
  const where = `http://${formatAddress(admin)}`
  const body = await fetchJson(where, call).catch((error: unknown) => {
    throw unreachable(where, messageOf(error), error)
  })
  if (typeof body === 'object' && body !== null && proof in body) return body as T
  const refusal = refusalIn(body)
  const code = refusals.find((known) => known === refusal?.code)
  if (code && refusal) throw new GatewayError(code, refusal.message)
  throw unreachable(where, refusal?.message ?? 'what answers there is something else')
}

async function fetchJson(where: string, { method, path, body }: AdminCall): Promise<unknown> {
  const timeoutMs = body ? BODY_ANSWER_MS : ANSWER_MS
  const options = { method, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  const answer = await request(`${where}${path}`, body ? { ...options, body: JSON.stringify(body) } : options)
  return answer.body.json()
}

/** The error that the admin API answers with. */
function refusalIn(body: unknown): { readonly code: string; readonly message: string } | null {
  const { error } = (body ?? {}) as { error?: { code?: unknown; message?: unknown } }
  return typeof error?.message === 'string' ? { code: String(error.code), message: error.message } : null
}

function unreachable(where: string, why: string, cause?: unknown): GatewayError {
  const hint = 'is the gateway running, and is this its admin.bind? (--admin HOST:PORT)'
  return new GatewayError('admin_unreachable', `no answer of an admin API at ${where}: ${why}; ${hint}`, { cause })
}

/** Rows as a table for eyes: each column as wide as its widest cell. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return (
    all
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      )
      .join('\n') + '\n'
  )
}
