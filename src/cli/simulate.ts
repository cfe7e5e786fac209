import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { formatAddress, type Address } from '../address.ts'
import { linesOf, type NumberedLine } from '../controlplane/simulation/log-lines.ts'
import { parseLogLine } from '../controlplane/simulation/logged-request.ts'
import { answerVerdicts, sideOf, type VerdictAnswer, type VerdictQuestion } from '../controlplane/simulation/sides.ts'
import { Simulation, type Logged, type Side } from '../controlplane/simulation/simulation.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { adminAddress, adminOptions, adminOptionsHelp, postAdmin } from './admin-query.ts'
import { readCandidate } from './candidate-file.ts'
import type { Command, CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { Progress } from './progress.ts'
import { emptyText, simulationText, type Simulated } from './simulation-text.ts'

/** Requests that are asked about at once. */
const BATCH = 200
/** So many bad lines are named. */
const MOST_BAD = 5

/** Replays an access log through another config. */
export const simulateCommand: Command = {
  name: 'simulate',
  summary: 'which requests of an access log another config would treat differently',
  help: `usage: meshgate simulate --log FILE --against FILE [--config FILE] [OPTIONS]

Replays an access log, as the gateway writes it to standard output with log.access: true, and shows the requests whose route, filters, path,
destinations or policy would change, those with the same change together, with an example. The router and the merge of policies are those that
serve; nothing is sent. The log has no header fields and no query: where routes that ask for them could have a request, the route that the log
names tells which of them it has; what that leaves open is counted as not judged.

  --log FILE          the access log; other lines of the gateway's log may be in it; /dev/stdin is standard input
  --against FILE      the config to compare with, without entries of KV
  --config FILE       what serves now is this file, not a running gateway

${adminOptionsHelp}

Exit code: 0 the log was replayed (whether anything changes is said), 1 it has no request, or a file is wrong, 2 wrong usage.

example:
  meshgate simulate --log access.jsonl --against next.yaml`,
  run: async (args, io) => {
    const { log, against, config, admin, json } = parseSimulateArgs(args)
    const salt = randomBytes(16).toString('hex')
    const now = config === undefined ? sideOf(askingAdmin(admin), salt) : await fileSide(config, salt, io)
    const simulation = new Simulation(now, await fileSide(against, salt, io))
    const lines = await replay(log, simulation, io)
    const simulated: Simulated = { ...simulation.report(), ...lines }
    if (simulated.requests === 0)
      throw new GatewayError('file_unusable', `${log}: no line is a request of an access log: ${emptyText(simulated)}`)
    const names = { log, against, now: config ?? `the gateway at ${formatAddress(admin)}` }
    io.out(json ? `${JSON.stringify(simulated)}\n` : simulationText(simulated, names))
    return exitCode.ok
  },
}

function parseSimulateArgs(args: readonly string[]) {
  const options = {
    ...adminOptions,
    log: { type: 'string' },
    against: { type: 'string' },
    config: { type: 'string' },
  } as const
  const { log, against, config, admin, json } = parseArgs({ args: [...args], options }).values
  if (log === undefined || against === undefined)
    throw new GatewayError(
      'usage',
      'simulate: name the log and the config, as in meshgate simulate --log access.jsonl --against next.yaml',
    )
  return { log, against, config, admin: adminAddress(admin), json }
}

async function fileSide(file: string, salt: string, io: CommandIo): Promise<Side> {
  const explained = await readCandidate(file, io.env)
  return sideOf(async (question) => answerVerdicts(explained, question), salt)
}

/** Throws `config_changed` if what serves is changed on the way: half of the log would have been replayed through another config. */
function askingAdmin(admin: Address): (question: VerdictQuestion) => Promise<VerdictAnswer> {
  let generation: number | null = null
  return async (question) => {
    const answer = await postAdmin<VerdictAnswer>(admin, { path: '/explain/requests', body: question }, 'verdicts')
    generation ??= answer.generation
    if (answer.generation === generation) return answer
    throw new GatewayError('config_changed', 'the gateway was given another config while the log was replayed: run it again')
  }
}

type Lines = Pick<Simulated, 'otherLines' | 'badLines' | 'firstBad'>

async function replay(log: string, simulation: Simulation, io: CommandIo): Promise<Lines> {
  let [otherLines, badLines, batch] = [0, 0, [] as Logged[]]
  const firstBad: { line: number; why: string }[] = []
  const takeBad = (line: number, why: string): void => {
    badLines++
    if (firstBad.length < MOST_BAD) firstBad.push({ line, why })
  }
  const take = ({ number: line, text }: NumberedLine): void => {
    if (text === null) return takeBad(line, 'it is longer than 64 KiB')
    const parsed = parseLogLine(text)
    if (parsed.kind === 'bad') takeBad(line, parsed.why)
    else if (parsed.kind === 'other') otherLines++
    else batch.push({ line, request: parsed.request, route: parsed.route })
  }
  for await (const line of linesOf(await progressing(log, io))) {
    take(line)
    if (batch.length < BATCH) continue
    await simulation.add(batch)
    batch = []
  }
  await simulation.add(batch)
  return { otherLines, badLines, firstBad }
}

/** The log as it is read; on a terminal it is shown how much of it. Throws `file_unusable`. */
async function progressing(log: string, io: CommandIo): Promise<AsyncIterable<Buffer>> {
  const unusable = (error: unknown): GatewayError =>
    new GatewayError('file_unusable', `${log}: ${messageOf(error)}`, { cause: error })
  const { size } = await stat(log).catch((error: unknown) => {
    throw unusable(error)
  })
  const progress = new Progress(io, size)
  return (async function* () {
    try {
      for await (const chunk of createReadStream(log) as AsyncIterable<Buffer>) {
        yield chunk
        progress.add(chunk.length)
      }
    } catch (error) {
      throw unusable(error)
    } finally {
      progress.end()
    }
  })()
}
