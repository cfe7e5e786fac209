import type { ReadinessReport } from '../controlplane/readiness.ts'
import { adminOptionsHelp, askAdmin, parseAdminArgs } from './admin-query.ts'
import type { Command } from './command.ts'
import { exitCode } from './exit-codes.ts'

/** Tells whether a running gateway is ready: what a container's health check calls. */
export const readyCommand: Command = {
  name: 'ready',
  summary: 'whether a running gateway is ready, and why not',
  help: `usage: meshgate ready [OPTIONS]

Exit code 0 if traffic should come to the gateway, 1 if not: then the reasons are printed.

${adminOptionsHelp}`,
  run: async (args, io) => {
    const { admin, json } = parseAdminArgs(args)
    const report = await askAdmin<ReadinessReport>(admin, '/readyz', 'reasons')
    if (json) io.out(`${JSON.stringify(report)}\n`)
    else io.out(report.ready ? `ready (config ${report.generation})\n` : `not ready: ${report.reasons.join('; ')}\n`)
    return report.ready ? exitCode.ok : exitCode.no
  },
}
