import type { RoutesView } from '../admin/routes-view.ts'
import { adminOptionsHelp, askAdmin, parseAdminArgs, tableText } from './admin-query.ts'
import type { Command } from './command.ts'
import { exitCode } from './exit-codes.ts'

/** Prints the routes that serve. */
export const routesCommand: Command = {
  name: 'routes',
  summary: 'the routes that a running gateway serves',
  help: `usage: meshgate routes [OPTIONS]

One line per route: its name, what it takes, where it goes.

${adminOptionsHelp}`,
  run: async (args, io) => {
    const { admin, json } = parseAdminArgs(args)
    const view = await askAdmin<RoutesView>(admin, '/routes', 'routes')
    if (json) io.out(`${JSON.stringify(view)}\n`)
    else io.out(tableText(['ROUTE', 'HOST', 'PATH', 'FURTHER', 'TO'], view.routes.map(routeRow)))
    return exitCode.ok
  },
}

function routeRow({ name, match, to }: RoutesView['routes'][number]): readonly string[] {
  const { host, path, ...further } = match
  const rest = Object.entries(further).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  const destinations = to.map(({ upstream, where, weight }) => {
    const subset = Object.entries(where ?? {}).map(([key, value]) => ` ${key}=${value}`)
    return `${upstream}${subset.join('')}${to.length > 1 ? ` (${weight})` : ''}`
  })
  return [name, host ?? '*', path ?? '/*', rest.join(' ') || '-', destinations.join(', ')]
}
