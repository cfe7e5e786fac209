import { closest } from '../config/did-you-mean.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { checkCommand } from './check.ts'
import type { Command, CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { readyCommand } from './ready.ts'
import { registryCommand } from './registry.ts'
import { routesCommand } from './routes.ts'
import { runCommand } from './run.ts'
import { schemaCommand } from './schema.ts'
import { tasksCommand } from './tasks.ts'
import { upstreamsCommand } from './upstreams.ts'
import { version } from './version.ts'

/** Every command: the line to add. */
const commands: readonly Command[] = [
  runCommand,
  checkCommand,
  schemaCommand,
  registryCommand,
  readyCommand,
  routesCommand,
  upstreamsCommand,
  tasksCommand,
]

/** Runs one command line (without node and script) and resolves with the exit code; it never rejects. */
export async function runCommandLine(args: readonly string[], io: CommandIo = processIo): Promise<number> {
  const [name = '--help', ...rest] = args
  try {
    if (name === '--help' || name === '-h' || name === 'help') return help(rest[0], io)
    if (name === '--version' || name === '-v') return print(io, `${version()}\n`)
    const command = find(name)
    if (rest.includes('--help') || rest.includes('-h')) return print(io, `${command.help.trim()}\n`)
    return await command.run(rest, io)
  } catch (error) {
    return report(error, name, io)
  }
}

const processIo: CommandIo = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  isTerminal: process.stdout.isTTY,
}

function find(name: string): Command {
  const found = commands.find((command) => command.name === name)
  if (found) return found
  const names = commands.map((command) => command.name)
  const suggestion = closest(name, names)
  const hint = suggestion ? `did you mean "${suggestion}"?` : `there are ${names.join(', ')}`
  throw new GatewayError('usage', `there is no command "${name}"; ${hint}`)
}

function help(name: string | undefined, io: CommandIo): number {
  if (name !== undefined) return print(io, `${find(name).help.trim()}\n`)
  const width = Math.max(...commands.map((command) => command.name.length))
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`)
  return print(io, overview(lines.join('\n')))
}

function overview(list: string): string {
  return `meshgate: a reverse proxy and service-mesh gateway, with its registry on board

usage: meshgate COMMAND [OPTIONS]

${list}

meshgate COMMAND --help tells more of one. In a checkout: npm run -s meshgate -- COMMAND …
exit codes: 0 ok, 1 the answer is no, 2 wrong usage, 70 a bug of meshgate
`
}

function print(io: CommandIo, text: string): number {
  io.out(text)
  return exitCode.ok
}

function report(error: unknown, name: string, io: CommandIo): number {
  if (error instanceof GatewayError) {
    io.err(`meshgate: ${error.message}\n`)
    if (error.code !== 'usage') return exitCode.no
    io.err('meshgate --help lists the commands\n')
    return exitCode.usage
  }
  // util.parseArgs tells wrong options by this family of codes.
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
    io.err(`meshgate: ${error.message}\nmeshgate ${name} --help lists the options\n`)
    return exitCode.usage
  }
  io.err(
    `meshgate: this is a bug, please report it with these lines: ${messageOf(error)}\n${error instanceof Error ? error.stack : ''}\n`,
  )
  return exitCode.bug
}
