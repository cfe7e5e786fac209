import { parseArgs } from 'node:util'
import { systemClock } from '../clock.ts'
import type { FleetView, ReplicaRevision } from '../controlplane/revisions/revision-report.ts'
import { formatDurationMs, parseDurationMs } from '../durations.ts'
import { GatewayError } from '../errors.ts'
import { adminAddress, adminOptions, adminOptionsHelp, askAdmin, type AdminQuery } from './admin-query.ts'
import type { Command, CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { nameOf, trialText } from './revision-text.ts'
import { RolloutDisplay } from './rollout-display.ts'
import { Wait } from './wait.ts'

/** Beside the time that a trial under way may take, ms. */
const DEFAULT_DEADLINE_MS = 60_000

interface RolloutArgs extends AdminQuery {
  /** Null: the default. */
  readonly deadlineMs: number | null
}

/** Watches until all replicas run the revision in force. */
export const rolloutCommand: Command = {
  name: 'rollout',
  summary: 'watches until all replicas run the revision in force',
  help: `usage: meshgate rollout [--deadline D] [OPTIONS]

Tells how far the living replicas are with the newest move, until all are there and no trial is under way. On a terminal it draws the state
anew; elsewhere it writes one line per change, with --json one event per line: {"event":"move"|"replica"|"failure"|"end", ...}. A gateway or
registry that fails to answer is asked again.

  --deadline D        how long to watch at the most (default ${formatDurationMs(DEFAULT_DEADLINE_MS)}, and what a trial under way may take);
                      then the exit code is 1 and it says who is not there

${adminOptionsHelp}

Exit code: 0 all replicas run it, 1 the deadline has passed or the revision was taken back after its trial, 2 wrong usage.

example:
  meshgate apply routes.yaml && meshgate rollout --deadline 30s`,
  run: async (args, io) => watch(parseRolloutArgs(args), io),
}

function parseRolloutArgs(args: readonly string[]): RolloutArgs {
  const options = { ...adminOptions, deadline: { type: 'string' } } as const
  const { values } = parseArgs({ args: [...args], options })
  const deadlineMs = values.deadline === undefined ? null : parseDurationMs(values.deadline)
  if (values.deadline !== undefined && deadlineMs === null)
    throw new GatewayError('usage', `--deadline ${values.deadline}: write a duration with its unit, as in 30s`)
  return { admin: adminAddress(values.admin), json: values.json, deadlineMs }
}

async function watch({ admin, json, deadlineMs }: RolloutArgs, io: CommandIo): Promise<number> {
  const display = new RolloutDisplay(io, json)
  const clock = systemClock
  const wait = new Wait({
    deadlineMs: deadlineMs ?? DEFAULT_DEADLINE_MS,
    clock,
    onFailure: (message) => display.failure(message),
  })
  for (;;) {
    const view = await wait.answerTo(() => askAdmin<FleetView>(admin, '/revisions', 'moves'))
    if (deadlineMs === null && view.trial) wait.extendTo(DEFAULT_DEADLINE_MS + view.trial.deadlineMs)
    display.show(view)
    const isDone = isAllThere(view)
    if (isDone || wait.isOver) {
      const isWell = isDone && view.moves[0]?.kind !== 'undo'
      display.end(isWell, isDone ? doneText(view, wait.tookMs) : lateText(view, wait.deadlineMs))
      return isWell ? exitCode.ok : exitCode.no
    }
    await wait.pause()
  }
}

function isAllThere({ isDamaged, trial, replicas }: FleetView): boolean {
  return !isDamaged && !trial && replicas.length > 0 && replicas.every(({ isThere }) => isThere)
}

function doneText({ replicas, revision, moves: [move] }: FleetView, tookMs: number): string {
  const who = replicas.length === 1 ? 'the one replica runs' : `all ${replicas.length} replicas run`
  const undone = move?.kind === 'undo' ? `${nameOf(move.revision)} was taken back: ${move.reason}; ` : ''
  return `${undone}${who} ${nameOf(revision)}, after ${formatDurationMs(Math.round(tookMs))}`
}

function lateText({ replicas, isDamaged, revision, trial }: FleetView, deadlineMs: number): string {
  if (isDamaged) return 'what is in KV in place of the pointer makes no sense: meshgate rollback or apply writes it anew'
  if (trial) return `after ${formatDurationMs(deadlineMs)} it is not decided yet: ${trialText(trial)}`
  const missing = replicas.filter(({ isThere }) => !isThere).map((replica) => `${replica.replica} (${whyNot(replica)})`)
  return `after ${formatDurationMs(deadlineMs)} not all run ${nameOf(revision)}: ${missing.join(', ')}`
}

function whyNot({ problem, running }: ReplicaRevision): string {
  return problem ?? `still ${nameOf(running)}`
}
