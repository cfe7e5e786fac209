import { parseArgs } from 'node:util'
import { assemble } from '../config/assemble.ts'
import { loadNamedModules } from '../config/named-modules.ts'
import { parseFile } from '../config/file.ts'
import { ConfigError, formatProblem, type ConfigProblem } from '../config/problem.ts'
import { tryReadConfigText } from '../controlplane/sources/file-source.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { Command, CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'

interface Verdict {
  readonly file: string
  readonly ok: boolean
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly ConfigProblem[]
  /** One line for people. */
  readonly summary: string
}

const help = `usage: meshgate check FILE... [--json]

Validates config files without running them. Problems are written as "file:line:column path: message".
Entries of KV are not looked at.

  --json    one JSON array with a verdict per file

Exit code: 0 all files are valid (warnings are no problem), 1 a file is not, 2 wrong usage.
`

/** `meshgate check`: says whether config files could serve. */
export const checkCommand: Command = {
  name: 'check',
  summary: 'validates config files',
  help,
  run: async (args, io) => {
    const { files, json } = parseCheckArgs(args)
    const verdicts: Verdict[] = []
    for (const file of files) verdicts.push(await check(file, io.env))
    if (json) io.out(`${JSON.stringify(verdicts, null, 2)}\n`)
    else for (const verdict of verdicts) tell(verdict, io)
    return verdicts.every(({ ok }) => ok) ? exitCode.ok : exitCode.no
  },
}

function parseCheckArgs(args: readonly string[]): { readonly files: readonly string[]; readonly json: boolean } {
  const { values, positionals } = parsed(args)
  if (positionals.length === 0)
    throw new GatewayError('usage', 'check: no file is named: write meshgate check config/gateway.yaml')
  return { files: positionals, json: values.json ?? false }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: { json: { type: 'boolean' } } })
  } catch (error) {
    throw new GatewayError('usage', `check: ${messageOf(error)}`, { cause: error })
  }
}

async function check(file: string, env: CommandIo['env']): Promise<Verdict> {
  try {
    const text = await readText(file)
    await loadNamedModules(text, file, { env })
    const document = parseFile(text, file, { env })
    const { hot, fileProblems, warnings } = assemble(document, [])
    if (fileProblems.length > 0) throw new ConfigError(fileProblems)
    const counts = [
      amount(document.cold.listeners.length, 'listener'),
      amount(hot.routes.length, 'route'),
      amount(hot.upstreams.length, 'upstream'),
      amount(hot.tasks.length, 'task'),
    ]
    return { file, ok: true, problems: [], warnings, summary: `${file}: OK, ${counts.join(', ')}` }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    return { file, ok: false, problems, warnings: [], summary: `${file}: ${amount(problems.length, 'problem')}` }
  }
}

async function readText(file: string): Promise<string> {
  const found = await tryReadConfigText(file)
  if ('text' in found) return found.text
  throw new ConfigError([{ file, line: 1, column: 1, path: '', message: found.why }])
}

function tell({ ok, problems, warnings, summary }: Verdict, io: CommandIo): void {
  for (const problem of problems) io.out(`${formatProblem(problem)}\n`)
  for (const warning of warnings) io.out(`warning: ${formatProblem(warning)}\n`)
  if (ok) io.out(`${summary}\n`)
  else io.err(`${summary}\n`)
}

function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
