import type { z } from 'zod'
import type { staging } from '../controlplane/trials/staging.ts'
import { parseDurationMs } from '../durations.ts'
import { GatewayError } from '../errors.ts'

/** How a trial is asked for at the admin API. */
export type StagedRequest = z.input<typeof staging>

/** Options of the commands that can have some replicas try a revision first, as `util.parseArgs` takes them. */
export const stagedOptions = {
  staged: { type: 'boolean', default: false },
  share: { type: 'string' },
  'watch-for': { type: 'string' },
  'min-requests': { type: 'string' },
  deadline: { type: 'string' },
} as const

/** The same, as their help tells them. */
export const stagedOptionsHelp = `  --staged            some replicas take it first; the leader gives it to all when they do no worse by it than the others, and else
                      takes it back by itself (meshgate rollout watches, meshgate history says why)
  --share N|P%        how many replicas try it, or which share of the living ones (default 1; never all, if there are several)
  --watch-for D       how long they are watched (default 20s); longer than timeouts.response, else what hangs is not seen
  --min-requests N    requests that they must have served by it; 0: time alone decides (default 50)
  --deadline D        what is not decided by then is taken back (default 60s, or twice --watch-for)`

type Values = {
  readonly staged: boolean
  readonly share?: string | undefined
  readonly 'watch-for'?: string | undefined
  readonly 'min-requests'?: string | undefined
  readonly deadline?: string | undefined
}

/** What the options ask for; undefined: all replicas are to take it at once. Throws `usage`. */
export function stagedRequest(command: string, values: Values): StagedRequest | undefined {
  const { staged, share, 'watch-for': watchFor, 'min-requests': minRequests, deadline } = values
  const detail = (['share', 'watch-for', 'min-requests', 'deadline'] as const).find((name) => values[name] !== undefined)
  if (!staged && detail !== undefined) throw new GatewayError('usage', `${command}: --${detail} goes with --staged`)
  if (!staged) return undefined
  return {
    ...(share === undefined ? {} : { share }),
    ...(watchFor === undefined ? {} : { watchMs: durationIn(command, '--watch-for', watchFor) }),
    ...(minRequests === undefined ? {} : { minRequests: countIn(command, minRequests) }),
    ...(deadline === undefined ? {} : { deadlineMs: durationIn(command, '--deadline', deadline) }),
  }
}

function durationIn(command: string, option: string, text: string): number {
  const durationMs = parseDurationMs(text)
  if (durationMs !== null) return durationMs
  throw new GatewayError('usage', `${command}: ${option} ${text}: write a duration with its unit, as in 10s`)
}

function countIn(command: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new GatewayError('usage', `${command}: --min-requests ${text}: write a number, as in 50`)
}
