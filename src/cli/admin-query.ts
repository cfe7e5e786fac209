import { parseArgs } from 'node:util'
import { request } from 'undici'
import { GatewayError, messageOf } from '../errors.ts'
import { formatAddress, parseAddress, type Address } from '../address.ts'

/** Options of all commands that ask a running gateway, as their help tells them. */
export const adminOptionsHelp = `options:
  --admin HOST:PORT   the gateway's admin API (default 127.0.0.1:8081)
  --json              the answer as JSON, for machines`

/** What a command that asks a running gateway was told. */
export interface AdminQuery {
  readonly admin: Address
  readonly json: boolean
}

/** Reads `--admin` and `--json`. Throws `usage`. */
export function parseAdminArgs(args: readonly string[]): AdminQuery {
  const { values } = parseArgs({
    args: [...args],
    options: { admin: { type: 'string', default: '127.0.0.1:8081' }, json: { type: 'boolean', default: false } },
  })
  const admin = parseAddress(values.admin, '127.0.0.1')
  if (!admin) throw new GatewayError('usage', `--admin ${values.admin}: expected HOST:PORT, as in --admin 127.0.0.1:8081`)
  return { admin, json: values.json }
}

/** Asks the admin API. Throws `admin_unreachable` with what to do; a status other than 200 is the caller's to read. */
export async function askAdmin(admin: Address, path: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const where = `http://${formatAddress(admin)}`
  try {
    const answer = await request(`${where}${path}`, { headersTimeout: 5_000, bodyTimeout: 5_000 })
    return { status: answer.statusCode, body: await answer.body.json() }
  } catch (error) {
    const hint = 'is the gateway running, and is this its admin.bind? (--admin HOST:PORT)'
    throw new GatewayError('admin_unreachable', `no answer of an admin API at ${where}: ${messageOf(error)}; ${hint}`, {
      cause: error,
    })
  }
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
