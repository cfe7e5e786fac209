import { parseArgs } from 'node:util'
import type { UpstreamView } from '../admin/upstreams-view.ts'
import { formatDurationMs } from '../durations.ts'
import { adminAddress, adminOptions, adminOptionsHelp, askAdmin, tableText } from './admin-query.ts'
import type { Command } from './command.ts'
import { exitCode } from './exit-codes.ts'

/** Prints each instance of each upstream with its state and the reason. */
export const upstreamsCommand: Command = {
  name: 'upstreams',
  summary: 'each instance that a running gateway knows, its state and the reason',
  help: `usage: meshgate upstreams [OPTIONS]

One line per instance: whether it gets traffic, what the registry and our own probe say, and for how long.

${adminOptionsHelp}
  --history           when instances began and ceased to get traffic, and why
  --load              what each upstream has to do: requests under way and waiting, breaker, retries left`,
  run: async (args, io) => {
    const { admin, json, ...wants } = parseUpstreamsArgs(args)
    const upstreams = await askAdmin<readonly UpstreamView[]>(admin, '/upstreams', 'length')
    const header = ['UPSTREAM', 'INSTANCE', 'ADDRESS', 'TRAFFIC', 'REGISTRY', 'PROBE', 'SINCE', 'DETAIL']
    if (json) io.out(`${JSON.stringify(upstreams)}\n`)
    else if (wants.history)
      io.out(tableText(['AT', 'UPSTREAM', 'INSTANCE', 'ADDRESS', 'BECAME', 'REASON'], historyRows(upstreams)))
    else if (wants.load) io.out(tableText(loadHeader, upstreams.map(loadRow)))
    else io.out(tableText(header, upstreams.flatMap(upstreamRows)))
    return exitCode.ok
  },
}

/** Throws `usage`. */
function parseUpstreamsArgs(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({ args: [...args], options: { ...adminOptions, history: flag, load: flag } })
  return { ...values, admin: adminAddress(values.admin) }
}

const loadHeader = ['UPSTREAM', 'BALANCE', 'ELIGIBLE', 'UNDER WAY', 'WAITING', 'BREAKER', 'RETRIES LEFT']

function loadRow({ name, balance, eligible, instances, inFlight, concurrency, breaker, retriesLeft }: UpstreamView) {
  return [
    name,
    balance,
    `${eligible} of ${instances.length}`,
    concurrency && concurrency.requests > 0 ? `${concurrency.active} of ${concurrency.requests}` : String(inFlight),
    concurrency ? `${concurrency.waiting} of ${concurrency.queue}` : '-',
    breaker ? breakerText(breaker) : '-',
    String(retriesLeft),
  ]
}

function breakerText({ state, requests, failed, retryInMs }: NonNullable<UpstreamView['breaker']>): string {
  const left = retryInMs > 0 ? ` for ${formatDurationMs(retryInMs)}` : ''
  return `${state}${left}, ${failed} of ${requests} failed`
}

/** The latest first, of all instances together. */
function historyRows(upstreams: readonly UpstreamView[]): readonly (readonly string[])[] {
  const rows = upstreams.flatMap(({ name, instances }) =>
    instances.flatMap(({ id, address, history }) => history.map(({ at, to, reason }) => [at, name, id, address, to, reason])),
  )
  return rows.toSorted(([a = ''], [b = '']) => (a < b ? 1 : a > b ? -1 : 0))
}

function upstreamRows(upstream: UpstreamView): readonly (readonly string[])[] {
  const { name, unavailable } = upstream
  const rows = instanceRows(upstream)
  // The same words as a client's answer and the log have.
  return unavailable && upstream.instances.length > 0
    ? [...rows, [name, '-', '-', 'no', '-', '-', '-', `${unavailable.code}: ${unavailable.reason}`]]
    : rows
}

function instanceRows({ name, known, registryError, instances }: UpstreamView): readonly (readonly string[])[] {
  if (instances.length === 0)
    return [[name, '-', '-', 'no', '-', '-', '-', registryError ?? (known ? 'no instance is registered' : 'not looked up yet')]]
  return instances.map(({ id, address, eligible, standby, exclusion, ejectedForMs, ejectedFor, registry, probe }) => {
    const left = exclusion === 'ejected' && ejectedForMs !== null ? ` ${formatDurationMs(ejectedForMs)}` : ''
    return [
      name,
      id,
      address,
      standby ? 'standby' : eligible ? 'yes' : `no: ${exclusion}${left}`,
      registry,
      probe.state,
      formatDurationMs(probe.sinceMs),
      ejectedFor ?? (probe.by.length > 0 ? `${probe.detail}, seen by ${probe.by.join(', ')}` : probe.detail),
    ]
  })
}
