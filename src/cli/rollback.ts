import { parseArgs } from 'node:util'
import { GatewayError } from '../errors.ts'
import { adminAddress, adminOptions, adminOptionsHelp } from './admin-query.ts'
import type { Command } from './command.ts'
import { authorOf, forceOptions, forceOptionsHelp, putInForce } from './put-in-force.ts'
import { stagedOptions, stagedOptionsHelp, stagedRequest } from './staged-options.ts'

/** Puts a former revision in force again. */
export const rollbackCommand: Command = {
  name: 'rollback',
  summary: 'puts a former revision in force again',
  help: `usage: meshgate rollback [REV] [--yes] [--staged] [--reason TEXT] [OPTIONS]

Shows what that would change, asks, and moves the pointer. REV is the start of a revision's id or the number of a move, as meshgate history
lists them; without it, the revision that served before the present one, or while one is on trial, what the others run. Before the first one, the config
files alone served.

${forceOptionsHelp}
${stagedOptionsHelp}

${adminOptionsHelp}

Exit code: 0 in force or on trial, 1 there is no such revision or somebody else has changed the config meanwhile, 2 wrong usage.`,
  run: async (args, io) => {
    const options = { ...adminOptions, ...forceOptions, ...stagedOptions }
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
    const [revision = null, ...more] = positionals
    if (more.length > 0) throw new GatewayError('usage', 'rollback: name one revision, as in meshgate rollback 3f2a9c1b')
    const { json, yes, reason } = values
    const author = authorOf(values.author, io.env)
    const staged = stagedRequest('rollback', values)
    return putInForce(
      { command: 'rollback', admin: adminAddress(values.admin), json, candidate: { revision }, yes, staged, author, reason },
      io,
    )
  },
}
