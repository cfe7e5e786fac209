import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { closest } from '../did-you-mean.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { Command, CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { version } from './version.ts'

/** Every command, each loaded when it is called for: the line to add. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand,
  check: async () => (await import('./check.ts')).checkCommand,
  schema: async () => (await import('./schema.ts')).schemaCommand,
  registry: async () => (await import('./registry.ts')).registryCommand,
  ready: async () => (await import('./ready.ts')).readyCommand,
  routes: async () => (await import('./routes.ts')).routesCommand,
  upstreams: async () => (await import('./upstreams.ts')).upstreamsCommand,
  graph: async () => (await import('./graph.ts')).graphCommand,
  explain: async () => (await import('./explain.ts')).explainCommand,
  simulate: async () => (await import('./simulate.ts')).simulateCommand,
  drain: async () => (await import('./drain.ts')).drainCommand,
  undrain: async () => (await import('./drain.ts')).undrainCommand,
  apply: async () => (await import('./apply.ts')).applyCommand,
  diff: async () => (await import('./apply.ts')).diffCommand,
  rollback: async () => (await import('./rollback.ts')).rollbackCommand,
  history: async () => (await import('./history.ts')).historyCommand,
  rollout: async () => (await import('./rollout.ts')).rolloutCommand,
  tasks: async () => (await import('./tasks.ts')).tasksCommand,
}

/** Runs one command line (without node and script) and resolves with the exit code; it never rejects. */
export async function runCommandLine(args: readonly string[], io: CommandIo = processIo): Promise<number> {
  const [name = '--help', ...rest] = args
  try {
    if (name === '--help' || name === '-h' || name === 'help') return await help(rest[0], io)
    if (name === '--version' || name === '-v') return print(io, `${version()}\n`)
    const command = await find(name)
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
  ask: process.stdin.isTTY && process.stdout.isTTY ? askTerminal : null,
}

async function askTerminal(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    // The end of the input is an answer too: none.
    return await Promise.race([terminal.question(question), once(terminal, 'close').then(() => '')])
  } finally {
    terminal.close()
  }
}

function find(name: string): Promise<Command> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load) return load()
  const names = Object.keys(commands)
  const suggestion = closest(name, names)
  const hint = suggestion ? `did you mean "${suggestion}"?` : `there are ${names.join(', ')}`
  throw new GatewayError('usage', `there is no command "${name}"; ${hint}`)
}

async function help(name: string | undefined, io: CommandIo): Promise<number> {
  if (name !== undefined) return print(io, `${(await find(name)).help.trim()}\n`)
  const loaded = await Promise.all(Object.values(commands).map((load) => load()))
  const width = Math.max(...loaded.map((command) => command.name.length))
  const lines = loaded.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`)
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
