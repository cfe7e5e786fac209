import { hostname, userInfo } from 'node:os'
import type { Address } from '../address.ts'
import type { Applied, Candidate, RevisionPreview } from '../controlplane/revisions/revision-desk.ts'
import { formatDurationMs } from '../durations.ts'
import { GatewayError } from '../errors.ts'
import { postAdmin } from './admin-query.ts'
import type { CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { count, previewText, revisionName } from './revision-text.ts'
import type { StagedRequest } from './staged-options.ts'

export interface PutInForce {
  readonly command: 'apply' | 'rollback'
  readonly admin: Address
  readonly json: boolean
  readonly candidate: Candidate
  /** Nobody is asked. */
  readonly yes: boolean
  /** How some replicas are to try it first; undefined: all take it at once. */
  readonly staged: StagedRequest | undefined
  readonly author: string
  readonly reason: string
}

/** Options of the commands that change which revision is in force, as `util.parseArgs` takes them. */
export const forceOptions = {
  yes: { type: 'boolean', default: false },
  reason: { type: 'string', default: '' },
  author: { type: 'string' },
} as const

/** The same, as their help tells them. */
export const forceOptionsHelp = `  --yes               does not ask (without a terminal it is needed)
  --reason TEXT       why, for the history
  --author NAME       who, for the history (default USER@HOST)`

/** Asks what a candidate would change. Throws what the gateway says no with. */
export function askPreview(admin: Address, candidate: Candidate): Promise<RevisionPreview> {
  return postAdmin<RevisionPreview>(admin, { path: '/revisions/preview', body: candidate }, 'changes')
}

/** Shows what a candidate would change, asks, and puts it in force if nothing else was meanwhile. Gives the exit code. */
export async function putInForce(request: PutInForce, io: CommandIo): Promise<number> {
  const { command, admin, json, candidate, staged, author, reason } = request
  const preview = await askPreview(admin, candidate)
  if (!json) io.out(previewText(preview))
  if (!preview.isCurrent && !(await isWanted(request, io))) {
    io.err('nothing was changed\n')
    return exitCode.no
  }
  const body = { ...candidate, base: preview.base, staged, author, reason }
  const applied = await postAdmin<Applied>(admin, { path: '/revisions/apply', body }, 'isNew')
  if (json) io.out(`${JSON.stringify({ ...applied, preview })}\n`)
  else if (applied.isNew) io.out(`${appliedText(applied, command)}\n`)
  return exitCode.ok
}

function appliedText({ revision, number, trial }: Applied, command: PutInForce['command']): string {
  if (!trial) return `${revisionName(revision)} is in force now, as move ${number} (${command}); meshgate history lists the moves`
  const who = trial.replicas.length === 1 ? `${trial.replicas[0]} tries` : `${trial.replicas.join(', ')} try`
  const limits = `${formatDurationMs(trial.watchMs)} and ${count(trial.minRequests, 'request')}`
  return `${who} ${revisionName(revision)} first, for ${limits} or more (move ${number}); meshgate rollout watches`
}

/** The person who runs the command. */
export function authorOf(written: string | undefined, env: CommandIo['env']): string {
  if (written !== undefined) return written
  return `${env['USER'] ?? env['LOGNAME'] ?? userName()}@${hostname()}`
}

async function isWanted({ command, yes }: PutInForce, io: CommandIo): Promise<boolean> {
  if (yes) return true
  if (!io.ask)
    throw new GatewayError('usage', `${command}: nobody is there to be asked: add --yes, or look first with meshgate diff`)
  return /^y(es)?$/i.test((await io.ask('put it in force? [y/N] ')).trim())
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user without an entry in the system's list, as in some containers.
    return 'somebody'
  }
}
