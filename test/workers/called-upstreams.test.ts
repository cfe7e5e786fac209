import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock as clock, systemRandom as random } from '../../src/clock.ts'
import { assemble } from '../../src/config/assemble.ts'
import { Gateway } from '../../src/dataplane/gateway.ts'
import { createLogger } from '../../src/logging.ts'
import { DataPlane } from '../../src/workers/data-plane.ts'
import { fileDocument } from '../controlplane/control-plane.ts'

it('a worker tells which upstreams it calls, so that the primary does not take them for idle', async () => {
  const logger = createLogger('silent', { write: () => {} })
  const deps = { clock, random, logger, accessLog: false }
  const verdicts = { trouble: () => {}, ejected: () => {} }
  const peers = { secret: [1, 2] as const }
  const plane = new DataPlane(new Gateway(deps), { ...deps, peers, part: { worker: 0, of: 1 }, drainMs: 0, verdicts })
  const { hot } = assemble(fileDocument(), [])
  const members = [{ id: 'a', address: { host: '127.0.0.1', port: 1 }, weight: 1, exclusion: null }]
  const [orders, reports] = ['orders', 'reports'].map((name) =>
    plane.demand({ config: hot.defaultUpstream(name), members, ejected: {} }),
  )
  assert.ok(orders && reports)
  plane.takeCalled()
  assert.deepEqual(plane.takeCalled(), [])
  orders.stats.attempts++
  assert.deepEqual([plane.takeCalled(), plane.takeCalled()], [['orders'], []])
  const endpoint = reports.members.all[0]?.endpoint
  assert.ok(endpoint)
  endpoint.inFlight++
  assert.deepEqual([plane.takeCalled(), plane.takeCalled()], [['reports'], ['reports']], 'a tunnel is long')
  endpoint.inFlight--
  await plane.close()
})
