import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { ServiceConfig } from '../../src/config/config.ts'
import { registerSelf } from '../../src/controlplane/self-registration.ts'
import { ServiceWatches } from '../../src/discovery/service-watches.ts'
import { put, registerInstance } from '../support/registries.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { keptLog } from './control-plane.ts'
import { listed, startEmbedded, type TestRegistry } from './embedded.ts'

const reports: ServiceConfig = {
  id: 'reports-1',
  name: 'reports',
  address: { host: '127.0.0.1', port: 9 },
  tags: [],
  meta: {},
  check: { kind: 'tcp', path: '/', everyMs: 60_000, timeoutMs: 1_000 },
}

let embedded: TestRegistry
const cleanups: (() => Promise<void>)[] = []
beforeEach(async () => void (embedded = await startEmbedded()))
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
  await embedded.close()
})

function start(port = 8080, services: readonly ServiceConfig[] = []) {
  const clock = new ManualClock()
  const log = keptLog()
  const { registry } = embedded
  let reason: string | null = null
  const self = registerSelf({ host: '127.0.0.1', port }, services, {
    registry,
    watches: new ServiceWatches(registry),
    clock,
    random: () => 0.5,
    logger: log.logger,
    listeners: [
      { name: 'web', mode: 'front', address: { host: '127.0.0.1', port } },
      { name: 'to.services', mode: 'mesh', address: { host: '::1', port: 4180 } },
    ],
    unready: () => reason,
  })
  cleanups.push(() => self.close())
  /** Lets the next heartbeat go out. */
  const beat = async (): Promise<void> => {
    await until('the next heartbeat is armed', () => clock.pending === 1)
    await clock.advance(5_000)
  }
  const becomes = (status: string): Promise<unknown> =>
    until(`it is ${status}`, async () =>
      (await listed(embedded.address, 'meshgate')).some((found) => found.id === self.id && found.status === status),
    )
  return { self, clock, log, beat, becomes, setReason: (next: string | null) => void (reason = next) }
}

describe('a gateway', () => {
  it('registers itself at once as passing, under an id with its port, and its static services', async () => {
    const { self, becomes, log } = start(8080, [reports])
    await becomes('passing')
    assert.match(self.id, /^meshgate-.+-8080$/)
    assert.deepEqual(await listed(embedded.address, 'reports'), [{ id: 'reports-1', status: 'critical' }])
    assert.deepEqual(log.of('self.registered')[0]?.['services'], [self.id, 'reports-1'])
  })

  it('tells where each of its listeners listens', async () => {
    const { becomes } = start()
    await becomes('passing')
    const found = (await (await fetch(`${embedded.address}/v1/catalog/service/meshgate`)).json()) as {
      ServiceMeta: Record<string, string>
    }[]
    const { pid: _, ...meta } = found[0]?.ServiceMeta ?? {}
    assert.deepEqual(meta, { 'listener-web': 'front 127.0.0.1:8080', 'listener-to-services': 'mesh [::1]:4180' })
  })

  it('tells that it is not ready, and why', async () => {
    const { becomes, beat, setReason } = start()
    await becomes('passing')
    setReason('still looking up shop')
    await beat()
    await becomes('critical')
    const checks = (await (await fetch(`${embedded.address}/v1/health/checks/meshgate`)).json()) as { Output: string }[]
    assert.equal(checks[0]?.Output, 'still looking up shop')
    setReason(null)
    await beat()
    await becomes('passing')
  })

  it('registers again after somebody has taken it out', async () => {
    const { self, becomes, beat, log } = start(8080, [reports])
    await becomes('passing')
    await put(embedded.address, `/v1/agent/service/deregister/${self.id}`)
    await put(embedded.address, '/v1/agent/service/deregister/reports-1')
    assert.deepEqual(await listed(embedded.address, 'meshgate'), [])
    // The first beat may find it out, if the watch has not told before: then the second one puts it right.
    await beat()
    await beat()
    await becomes('passing')
    assert.equal((await listed(embedded.address, 'reports')).length, 1)
    assert.equal(log.of('self.registered').length, 2)
  })

  it('registers again after the registry has lost everything, and complains once per outage', async () => {
    const { becomes, beat, log } = start()
    await becomes('passing')
    const { port } = embedded.server.address
    await embedded.server.close()
    await beat()
    await until('the failure is told', () => log.of('self.unregistered').length === 1)
    await beat()
    const { server } = await startEmbedded(port)
    cleanups.push(() => server.close())
    await beat()
    await becomes('passing')
    assert.equal(log.of('self.unregistered').length, 1)
  })

  it('takes everything out again at close', async () => {
    const { self, becomes, clock } = start(8080, [reports])
    await becomes('passing')
    await self.close()
    assert.deepEqual([await listed(embedded.address, 'meshgate'), await listed(embedded.address, 'reports')], [[], []])
    assert.equal(clock.pending, 0)
  })

  it('closes also while the registry is away', async () => {
    const { self, becomes } = start()
    await becomes('passing')
    await embedded.server.close()
    await self.close()
  })
})

describe('peers', () => {
  it('are other gateways that pass their check', async () => {
    const [one, two] = [start(8080), start(8090)]
    await Promise.all([one.becomes('passing'), two.becomes('passing')])
    await until('both know of each other', () => one.self.hasPeers && two.self.hasPeers)
    two.setReason('shutting down')
    await two.beat()
    await until('the other one counts no more', () => !one.self.hasPeers)
    assert.equal(two.self.hasPeers, true)
  })

  it('are not the gateway itself, and no other service', async () => {
    const { self, becomes } = start()
    await registerInstance(embedded.address, 'shop', 1)
    await becomes('passing')
    await until('the registry has told of it', async () => (await listed(embedded.address, 'meshgate')).length === 1)
    assert.equal(self.hasPeers, false)
  })
})
