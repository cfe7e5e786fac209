import { parseArgs } from 'node:util'
import { ConfigError, type ConfigProblem } from '../config/problem.ts'
import type { RevisionFile } from '../controlplane/revisions/content.ts'
import { tryReadConfigText } from '../controlplane/sources/file-source.ts'
import { GatewayError } from '../errors.ts'
import { adminAddress, adminOptions, adminOptionsHelp } from './admin-query.ts'
import type { Command } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { askPreview, authorOf, forceOptions, forceOptionsHelp, putInForce } from './put-in-force.ts'
import { stagedOptions, stagedOptionsHelp, stagedRequest } from './staged-options.ts'
import { previewText } from './revision-text.ts'

/** Puts files in force as one revision, for the whole fleet. */
export const applyCommand: Command = {
  name: 'apply',
  summary: 'puts config files in force on all replicas, as one revision',
  help: `usage: meshgate apply FILE... [--yes] [--staged] [--reason TEXT] [OPTIONS]

Checks the files, shows what they would change, asks, writes them to KV as one revision and moves the pointer there that all replicas
follow. They hold routes, upstreams, defaults and tasks; a part of the same name in a gateway's own config file is overridden, a key of
KV (gateway/routes/NAME) overrides both. If anything in them is wrong, all of it is refused, with the place.

${forceOptionsHelp}
${stagedOptionsHelp}

${adminOptionsHelp}

Exit code: 0 in force or on trial, 1 refused (the files are wrong, or somebody else has changed the config meanwhile), 2 wrong usage.

example:
  meshgate apply routes.yaml upstreams.yaml --reason "the new shop"
  meshgate apply routes.yaml --staged --share 20% --yes && meshgate rollout`,
  run: async (args, io) => {
    const options = { ...adminOptions, ...forceOptions, ...stagedOptions }
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
    const candidate = { files: await readFiles('apply', positionals) }
    const { json, yes, reason } = values
    const author = authorOf(values.author, io.env)
    const staged = stagedRequest('apply', values)
    return putInForce({ command: 'apply', admin: adminAddress(values.admin), json, candidate, yes, staged, author, reason }, io)
  },
}

/** Shows what files would change. */
export const diffCommand: Command = {
  name: 'diff',
  summary: 'what config files would change if they were applied',
  help: `usage: meshgate diff FILE... [OPTIONS]

Checks the files like meshgate apply and shows what they would change in effect: + added, - removed, ~ changed, with the settings.

${adminOptionsHelp}

Exit code: 0 the files could be applied (whether they change anything is said), 1 they are wrong, 2 wrong usage.`,
  run: async (args, io) => {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: adminOptions })
    const preview = await askPreview(adminAddress(values.admin), { files: await readFiles('diff', positionals) })
    io.out(values.json ? `${JSON.stringify(preview)}\n` : previewText(preview))
    return exitCode.ok
  },
}

async function readFiles(command: string, names: readonly string[]): Promise<readonly RevisionFile[]> {
  if (names.length === 0) throw new GatewayError('usage', `${command}: no file is named: write meshgate ${command} routes.yaml`)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw new GatewayError('usage', `${command}: ${twice} is named twice`)
  const found = await Promise.all(names.map(async (name) => ({ name, ...(await tryReadConfigText(name)) })))
  const problems = found.flatMap((file): ConfigProblem[] =>
    'why' in file ? [{ file: file.name, line: 1, column: 1, path: '', message: file.why }] : [],
  )
  if (problems.length > 0) throw new ConfigError(problems)
  return found.flatMap((file) => ('text' in file ? [{ name: file.name, text: file.text }] : []))
}
