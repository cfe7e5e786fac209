import { parseArgs } from 'node:util'
import type { DrainView, ReplicaDrain } from '../controlplane/draining/drain-desk.ts'
import { parseInstanceText } from '../discovery/draining/drain-key.ts'
import type { UpstreamView } from '../admin/upstreams-view.ts'
import { serviceOf } from '../discovery/draining/service-of.ts'
import { systemClock } from '../clock.ts'
import { formatDurationMs, parseDurationMs } from '../durations.ts'
import { GatewayError } from '../errors.ts'
import { adminAddress, adminOptions, adminOptionsHelp, askAdmin, tellAdmin, type AdminQuery } from './admin-query.ts'
import type { Command, CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { Wait } from './wait.ts'

const DEFAULT_DEADLINE = '60s'

interface DrainArgs extends AdminQuery {
  readonly instance: string
  readonly wait: boolean
  readonly deadlineMs: number
}

/** Takes an instance out of the traffic of every replica, and waits until nothing is under way there. */
export const drainCommand: Command = {
  name: 'drain',
  summary: 'takes an instance out of the traffic of all replicas',
  help: `usage: meshgate drain SERVICE/ID [--wait] [--deadline D] [OPTIONS]

Every replica stops to send new requests to the instance, also of clients that stick to it; what is under way goes on. SERVICE is the
service as the registry names it, ID the instance's id there (of an upstream with fixed addresses: its name, and HOST:PORT).
It stays out, also over a restart of either side, until meshgate undrain.

  --wait              returns when every living replica has nothing under way there, WebSockets included
  --deadline D        how long to wait at the most (default ${DEFAULT_DEADLINE}); then the exit code is 1 and it says who is not done. Until then it asks again
                      when the gateway or its registry fails to answer

${adminOptionsHelp}

Exit code: 0 drained (without --wait: the drain is in force), 1 the deadline has passed or there is no such instance, 2 wrong usage.

example:
  meshgate drain shop/shop-1 --wait --deadline 30s && systemctl restart shop@1 && meshgate undrain shop/shop-1`,
  run: async (args, io) => {
    const query = parseDrainArgs('drain', args)
    const order = () => tellAdmin(query.admin, `/drain?instance=${encodeURIComponent(query.instance)}`, 'drained')
    if (!query.wait) {
      await order()
      const view = await viewOf(query)
      if (query.json) io.out(`${JSON.stringify(view)}\n`)
      else io.out(`${query.instance} gets no new requests\n${view ? statesText(view.replicas) : ''}`)
      return exitCode.ok
    }
    const wait = waitOf(query, io)
    await wait.answerTo(order)
    return awaitDrained(query, io, wait)
  },
}

/** Ends a drain. */
export const undrainCommand: Command = {
  name: 'undrain',
  summary: 'puts a drained instance back',
  help: `usage: meshgate undrain SERVICE/ID [--wait] [--deadline D] [OPTIONS]

The instance gets traffic again as soon as each replica's probe passes; what was known of it from before the drain does not count.

  --wait              returns when the gateway that is asked sends it traffic again
  --deadline D        how long to wait at the most (default ${DEFAULT_DEADLINE}); then the exit code is 1 and it says why. Until then it asks again when the
                      gateway or its registry fails to answer

${adminOptionsHelp}`,
  run: async (args, io) => {
    const query = parseDrainArgs('undrain', args)
    const order = () => tellAdmin(query.admin, `/undrain?instance=${encodeURIComponent(query.instance)}`, 'undrained')
    if (!query.wait) await order()
    const why = query.wait ? await undrainAndWait(query, order, waitOf(query, io)) : null
    const state = query.wait ? (why ?? 'gets traffic') : 'is back once a probe passes'
    if (query.json) io.out(`${JSON.stringify({ undrained: query.instance, eligible: query.wait ? why === null : null, why })}\n`)
    else io.out(`${query.instance} ${state}\n`)
    return why === null ? exitCode.ok : exitCode.no
  },
}

function parseDrainArgs(command: 'drain' | 'undrain', args: readonly string[]): DrainArgs {
  const options = {
    ...adminOptions,
    wait: { type: 'boolean', default: false },
    deadline: { type: 'string', default: DEFAULT_DEADLINE },
  } as const
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
  const deadlineMs = parseDurationMs(values.deadline)
  if (deadlineMs === null)
    throw new GatewayError('usage', `--deadline ${values.deadline}: write a duration with its unit, as in 30s`)
  const instance = instanceOf(command, positionals)
  return { admin: adminAddress(values.admin), json: values.json, instance, wait: values.wait, deadlineMs }
}

function instanceOf(command: string, [instance = '', ...more]: readonly string[]): string {
  if (more.length > 0 || !parseInstanceText(instance))
    throw new GatewayError('usage', `${command}: name one instance as SERVICE/ID, as in meshgate ${command} shop/shop-1`)
  return instance
}

function waitOf({ deadlineMs, json }: DrainArgs, io: CommandIo): Wait {
  const onFailure = (message: string): void => void (json || io.err(`${message}; asking again\n`))
  return new Wait({ deadlineMs, clock: systemClock, onFailure })
}

async function awaitDrained(query: DrainArgs, io: CommandIo, wait: Wait): Promise<number> {
  let told = ''
  for (;;) {
    const view = await wait.answerTo(() => viewOf(query))
    if (!view) throw new GatewayError('not_found', `${query.instance} is no longer being drained: somebody has put it back`)
    if (view.drained) return report(query, view, io, `drained in ${formatDurationMs(wait.tookMs)}`)
    if (wait.isOver) return report(query, view, io, `not drained after ${formatDurationMs(query.deadlineMs)}`)
    const state = statesText(view.replicas.filter(isBusy))
    if (!query.json && state !== told) io.err(state)
    told = state
    await wait.pause()
  }
}

/** Why the instance gets no traffic when the time is over; null: it does. */
async function undrainAndWait({ admin, instance }: DrainArgs, order: () => Promise<object>, wait: Wait): Promise<string | null> {
  let isRepeated = false
  await wait.answerTo(async () => {
    try {
      await order()
    } catch (error) {
      // An order whose answer was lost may have been carried out.
      if (isRepeated && error instanceof GatewayError && error.code === 'not_found') return
      isRepeated = true
      throw error
    }
  })
  for (;;) {
    const upstreams = await wait.answerTo(() => askAdmin<readonly UpstreamView[]>(admin, '/upstreams', 'length'))
    const why = reasonAgainst(instance, upstreams)
    if (why === null || wait.isOver) return why
    await wait.pause()
  }
}

function reasonAgainst(instance: string, upstreams: readonly UpstreamView[]): string | null {
  const found = upstreams
    .flatMap(({ name, source, instances }) =>
      instances.map((view) => ({ ...view, name: `${serviceOf({ name, source })}/${view.id}` })),
    )
    .filter(({ name }) => name === instance)
  if (found.length === 0) return 'is not listed'
  const out = found.find(({ eligible }) => !eligible)
  return out ? `gets no traffic: ${out.exclusion}${out.probe.detail ? ` (${out.probe.detail})` : ''}` : null
}

function report({ instance, json }: DrainArgs, view: DrainView, io: CommandIo, what: string): number {
  if (json) io.out(`${JSON.stringify(view)}\n`)
  else io.out(`${instance}: ${what}\n${statesText(view.drained ? [] : view.replicas.filter(isBusy))}`)
  return view.drained ? exitCode.ok : exitCode.no
}

async function viewOf({ admin, instance }: DrainArgs): Promise<DrainView | undefined> {
  const all = await askAdmin<readonly DrainView[]>(admin, '/drains', 'length')
  return all.find((view) => view.instance === instance)
}

function isBusy({ acknowledged, inFlight }: ReplicaDrain): boolean {
  return !acknowledged || inFlight > 0
}

function statesText(replicas: readonly ReplicaDrain[]): string {
  return replicas.map((replica) => `  ${replica.replica}: ${stateText(replica)}\n`).join('')
}

function stateText({ acknowledged, inFlight, tunnels, named }: ReplicaDrain): string {
  if (!acknowledged) return 'has not acknowledged yet'
  if (inFlight === 0) return 'nothing under way'
  const names = named.map(({ client, host, path }) => `${client} on ${host}${path}`)
  const more = tunnels > named.length ? ` and ${tunnels - named.length} more` : ''
  const open =
    tunnels === 0
      ? ''
      : `${inFlight > tunnels ? ', ' : ''}${tunnels} WebSocket${tunnels === 1 ? '' : 's'} (${names.join(', ')}${more})`
  return `${inFlight > tunnels ? `${inFlight - tunnels} requests` : ''}${open}`
}
