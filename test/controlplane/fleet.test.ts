import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seededRandom } from '../support/seeded-random.ts'
import { parseFile } from '../../src/config/file.ts'
import { joinFleet } from '../../src/controlplane/fleet.ts'
import type { Readiness } from '../../src/controlplane/readiness.ts'
import { Pulse } from '../../src/discovery/pulse.ts'
import { ServiceWatches } from '../../src/discovery/service-watches.ts'
import { silentLogger } from '../../src/logging.ts'
import type { Instance, Registry, WatchListener } from '../../src/registry/registry.ts'
import { FleetRegistry } from '../support/fleet-registry.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { callTaskConfig } from './tasks-harness.ts'

it('a gateway that hosts the registry gives the lead to another one when its task has ended, and does not cut it', async () => {
  const clock = new ManualClock()
  const common = { clock, random: seededRandom(1), logger: silentLogger }
  const peer: Instance = {
    id: 'peer',
    service: 'gateway',
    node: 'n',
    nodeMeta: {},
    address: { host: '127.0.0.1', port: 1 },
    tags: [],
    meta: {},
    weight: 1,
    status: 'passing',
  }
  const listeners = new Set<WatchListener<readonly Instance[]>>()
  const registry: Registry = {
    ...new FleetRegistry(clock).open().registry,
    register: async () => {},
    deregister: async () => {},
    reportHealth: async () => {},
    watchInstances: (_, listener) => {
      listeners.add(listener)
      return { freshSince: 0, close: () => void listeners.delete(listener) }
    },
  }
  const { cold } = parseFile('listeners: { web: { bind: ":0" } }', 'gateway.yaml', { env: {} })
  const ends: (() => void)[] = []
  const { election, tasks, leave } = joinFleet({
    ...common,
    cold,
    registry,
    watches: new ServiceWatches(registry),
    readiness: { report: () => ({ reasons: [] }) } as unknown as Readiness,
    front: { host: '127.0.0.1', port: 8080 },
    configFile: 'gateway.yaml',
    pulse: new Pulse({ ...common, registry, prefix: 'gateway' }),
    listeners: [],
    call: () => new Promise((resolve) => ends.push(() => resolve({ status: 200 }))),
  })
  await clock.advance(3_000)
  tasks.setTasks([callTaskConfig({ cron: '* * * * *', timeoutMs: 600_000 })])
  await clock.advance(60_000)
  assert.equal(ends.length, 1)
  for (const { onValue } of listeners) onValue([peer])
  await clock.advance(20_000)
  const term = election.current?.term
  ends[0]?.()
  await clock.advance(3_000)
  assert.deepEqual([term, election.current], [1n, null])
  const asked = tasks.desk.run('nightly', new Date('2026-01-01T00:01:00Z'))
  await clock.advance(10)
  assert.equal((await asked).ok, true)
  const leaving = leave()
  await clock.advance(10_000)
  await leaving
})
