import { arch, cpus, freemem, hostname, platform, release, totalmem, uptime } from 'node:os'
import { jsonAnswer } from './answer.ts'
import { Refusal } from '../refusal.ts'
import type { Handler } from './registry.ts'

/** What the machine is: less than Consul tells, under its names. */
export const agentHost: Handler = ({ agent, clock }, { isPretty }) => {
  const [total, free] = [totalmem(), freemem()]
  const memory = { total, available: free, used: total - free, usedPercent: ((total - free) / total) * 100, free }
  const processors = cpus().map(({ model, speed }, cpu) => ({ cpu, modelName: model, mhz: speed, cores: 1 }))
  const host = {
    hostname: hostname(),
    uptime: Math.floor(uptime()),
    os: platform(),
    platform: platform(),
    kernelVersion: release(),
    kernelArch: arch(),
    hostid: agent.nodeId,
  }
  // Nanoseconds since the epoch are above 2^53.
  const collectedAt = BigInt(clock.now()) * 1_000_000n
  return jsonAnswer(
    { Memory: memory, CPU: processors, Host: host, Disk: null, CollectionTime: collectedAt, Errors: null },
    isPretty,
  )
}

/** What the registry counts, in the shape of Consul's telemetry. */
export const agentMetrics: Handler = ({ store, blocked, clock }, { query, isPretty }) => {
  if (query.get('format') === 'prometheus') {
    throw new Refusal(415, 'Prometheus is not enabled since its retention time is not positive')
  }
  const { state } = store
  const gauges = [
    gauge('autopilot.failure_tolerance', 0),
    gauge('autopilot.healthy', 1),
    gauge('raft.applied_index', Number(state.index('last'))),
    gauge('rpc.queries_blocking', blocked.size),
    gauge('runtime.alloc_bytes', process.memoryUsage().heapUsed),
    gauge('session_ttl.active', [...state.sessions.withPrefix('')].filter(({ ttlMs }) => ttlMs > 0).length),
    gauge('state.kv_entries', state.kv.size),
    gauge('state.nodes', state.nodes.size),
    gauge('state.service_instances', state.services.size),
  ]
  const timestamp = `${new Date(Math.floor(clock.now() / 10_000) * 10_000).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`
  return jsonAnswer({ Timestamp: timestamp, Gauges: gauges, Points: [], Counters: [], Samples: [] }, isPretty)
}

function gauge(name: string, value: number): object {
  return { Name: `consul.${name}`, Value: value, Labels: {} }
}
