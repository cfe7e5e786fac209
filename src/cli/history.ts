import type { FleetView } from '../controlplane/revisions/revision-report.ts'
import { adminOptionsHelp, askAdmin, parseAdminArgs, tableText } from './admin-query.ts'
import type { Command } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { nameOf, trialText } from './revision-text.ts'

/** Lists the moves of the pointer and which replica runs what. */
export const historyCommand: Command = {
  name: 'history',
  summary: 'which revisions were put in force, by whom and why',
  help: `usage: meshgate history [OPTIONS]

One line per move, the newest first (the last 50 are kept); * marks what is in force. Then each living replica with what it runs.

${adminOptionsHelp}`,
  run: async (args, io) => {
    const { admin, json } = parseAdminArgs(args)
    const view = await askAdmin<FleetView>(admin, '/revisions', 'moves')
    io.out(json ? `${JSON.stringify(view)}\n` : historyText(view))
    return exitCode.ok
  },
}

function historyText(view: FleetView): string {
  const { moves, replicas, isDamaged, revision } = view
  const current = moves.find((move) => move.revision === revision && move.kind !== 'undo' && move.kind !== 'trial')
  const rows = moves.map((move) => [
    `${move === current ? '* ' : '  '}${move.number}`,
    move.kind,
    nameOf(move.revision),
    move.at,
    move.author,
    move.reason || '-',
  ])
  const states = replicas.map((replica) => [
    replica.replica,
    nameOf(replica.running),
    replica.problem ?? (replica.isThere ? 'runs it' : 'not there yet'),
  ])
  const none = isDamaged ? 'what is in KV in place of the pointer makes no sense\n' : 'no revision has been applied yet\n'
  const table = moves.length > 0 ? tableText(['  MOVE', 'KIND', 'REVISION', 'AT', 'AUTHOR', 'REASON'], rows) : none
  const trial = view.trial ? `${trialText(view.trial)}\n` : ''
  return `${table}${trial}\n${tableText(['REPLICA', 'RUNS', 'STATE'], states)}`
}
