import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach } from 'node:test'
import { builtIn } from '../../src/config/built-in.ts'
import type { UpstreamConfig } from '../../src/config/config.ts'
import { Discovery } from '../../src/discovery/discovery.ts'
import { ServiceWatches } from '../../src/discovery/service-watches.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import type { Instance } from '../../src/registry/registry.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { handRegistry, keptLog, noNode } from '../controlplane/control-plane.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Something to probe: takes connections, and counts them; closed after the test. */
export async function startTarget(port = 0): Promise<{ port: number; probes: () => number; close: () => Promise<unknown> }> {
  let probes = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    probes++
    sockets.add(socket)
    socket.on('error', () => {}).resume()
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  cleanups.push(close)
  return { port: (server.address() as { port: number }).port, probes: () => probes, close }
}

export const service: UpstreamConfig = {
  name: 'shop',
  source: { kind: 'service', service: 'shop' },
  policy: builtIn.upstream,
  zone: null,
  health: { ...builtIn.health, everyMs: 1_000, jitterRatio: 0, healthy: 1, unhealthy: 1 },
  brake: builtIn.brake,
}

const random = (): number => 0.5

/** Discovery of one upstream, of which a test is the registry; ended after the test. */
export function startDiscovery(config: UpstreamConfig = service) {
  const clock = new ManualClock()
  const registry = handRegistry()
  const log = keptLog()
  const upstream = new Upstream(config.name, config.policy, { clock, random })
  const discovery = new Discovery(upstream, config, {
    watches: new ServiceWatches(registry),
    ownNode: noNode,
    clock,
    random,
    logger: log.logger,
  }).start()
  cleanups.push(() => discovery.close())
  const list = (...instances: readonly Instance[]): void => registry.list('shop', instances)
  const eligible = (): readonly string[] => upstream.members.eligible.map(({ id }) => id)
  const exclusions = (): Record<string, string | null> =>
    Object.fromEntries(discovery.view().map(({ id, exclusion }) => [id, exclusion]))
  return { clock, registry, log, upstream, discovery, list, eligible, exclusions }
}
