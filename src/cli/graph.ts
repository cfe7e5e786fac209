import type { EdgeView, GraphView } from '../admin/graph-view.ts'
import { formatDurationMs } from '../durations.ts'
import { adminOptionsHelp, askAdmin, parseAdminArgs, tableText } from './admin-query.ts'
import type { Command } from './command.ts'
import { exitCode } from './exit-codes.ts'

/** Prints who calls whom by name. */
export const graphCommand: Command = {
  name: 'graph',
  summary: 'which service calls which by name, how often, and how it goes',
  help: `usage: meshgate graph [OPTIONS]

One line per caller and callee since the gateway started, the busiest first. "unknown" is whoever is not known by a token or its address
(mesh.callers, mesh.rules), "other" what comes beyond 256 edges; calls to "*" were refused by a rule for all services.

${adminOptionsHelp}`,
  run: async (args, io) => {
    const { admin, json } = parseAdminArgs(args)
    const graph = await askAdmin<GraphView>(admin, '/graph', 'edges')
    const header = ['FROM', 'TO', 'REQUESTS', 'FAILED', 'DENIED', 'P50', 'P99']
    if (json) io.out(`${JSON.stringify(graph)}\n`)
    else if (graph.edges.length === 0) io.out('nobody has called a service by name yet\n')
    else io.out(tableText(header, graph.edges.map(edgeRow)))
    return exitCode.ok
  },
}

function edgeRow({ from, to, requests, failures, denied, p50Ms, p99Ms }: EdgeView): readonly string[] {
  return [from, to, ...[requests, failures, denied].map(String), latencyText(p50Ms), latencyText(p99Ms)]
}

function latencyText(ms: number | null): string {
  if (ms === null) return '-'
  return ms < 10 ? `${ms.toFixed(1)}ms` : formatDurationMs(ms)
}
