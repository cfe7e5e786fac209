import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { systemClock, systemRandom } from '../../src/clock.ts'
import type { RunRecord } from '../../src/controlplane/tasks/run-record.ts'
import { RunRecords } from '../../src/controlplane/tasks/run-records.ts'
import { GatewayError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logging.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import type { Kv, Registry } from '../../src/registry/registry.ts'
import { registryServers, type RegistryServerUnderTest } from '../registry/registry-servers.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { callTaskConfig, startGateway, type GatewayOptions, type TestGateway } from './tasks-harness.ts'

const three = '2026-11-23T03:00:00Z'

for (const { name: registryName, skip, start } of registryServers) {
  describe(`a fire of a task on ${registryName}`, { skip }, () => {
    let server: RegistryServerUnderTest
    let registry: Registry
    let prefix = ''
    let folders = 0
    const gateways: TestGateway[] = []

    before(async () => {
      server = await start()
      const shared = { clock: systemClock, random: systemRandom, logger: silentLogger }
      registry = openConsulRegistry({ address: server.address, token: null, datacenter: null, ...shared })
    })

    beforeEach(() => void (prefix = `gateway-${folders++}`))

    afterEach(async () => {
      await Promise.all(gateways.splice(0).map(({ scheduler }) => scheduler.close()))
    })

    after(async () => {
      await registry?.close()
      await server?.stop()
    })

    const gateway = (options: Partial<GatewayOptions> = {}): TestGateway => {
      const started = startGateway({ registry, prefix, ...options })
      gateways.push(started)
      started.scheduler.setTasks([callTaskConfig()])
      return started
    }

    /** The registry, with other ways to do some things in KV. */
    const withKv = (changes: Partial<Kv>): Registry => {
      const { kv } = registry
      return {
        ...registry,
        kv: {
          get: (key) => kv.get(key),
          list: (key) => kv.list(key),
          keys: (key) => kv.keys(key),
          delete: (key) => kv.delete(key),
          put: (key, value, options) => kv.put(key, value, options),
          ...changes,
        },
      }
    }

    /** Starts one by a clock that stands, when it has looked for what others left: it does so once, and never again. */
    const gatewayThatHasLooked = async (name: string, now: number): Promise<TestGateway> => {
      const { promise: looked, resolve } = Promise.withResolvers<void>()
      const list: Kv['list'] = async (key) => {
        const found = await registry.kv.list(key)
        setImmediate(resolve)
        return found
      }
      const started = gateway({ name, clock: new ManualClock(now), registry: withKv({ list }) })
      await looked
      return started
    }

    const lostAnswer = new GatewayError('registry_unavailable', 'the answer was lost')

    it('runs once although two gateways believe to lead and the clock of one is two hours ahead', async () => {
      const a = await gatewayThatHasLooked('a', Date.now())
      const b = await gatewayThatHasLooked('b', Date.now() + 7_200_000)
      for (const fireTime of [three, '2026-11-24T03:00:00Z', '2026-11-25T03:00:00Z']) {
        a.fire(fireTime)
        b.fire(fireTime)
        await until(`${fireTime} is over on both`, () =>
          [a, b].every(({ scheduler }) => scheduler.view().tasks[0]?.running === null),
        )
      }
      assert.equal(a.calls.length + b.calls.length, 3)
      const runs = (await new RunRecords(registry, prefix).list()).get('nightly')
      assert.deepEqual(
        runs?.map(({ ok }) => ok),
        [true, true, true],
      )
    })

    it('does not run again when it is recorded, however the recorded run ended', async () => {
      const first = gateway({ call: () => Promise.resolve({ status: 503 }) })
      first.fire(three)
      assert.equal((await first.outcome(three)).ok, false)
      const second = gateway({ name: 'b' })
      second.fire(three)
      await second.scheduler.close()
      assert.equal(second.calls.length, 0)
    })

    it('carries the term as fencing token and its own name as idempotency key', async () => {
      const a = gateway()
      a.fire(three)
      assert.deepEqual(await a.outcome(three).then(({ ok, detail }) => [ok, detail]), [
        true,
        'POST http://reports/run answered 200',
      ])
      const [{ method, service, path, headers } = assert.fail('no call')] = a.calls
      assert.deepEqual([method, service, path], ['POST', 'reports', '/run'])
      assert.deepEqual(headers, { 'X-Fencing-Token': '7', 'Idempotency-Key': 'nightly/20261123T030000Z' })
    })

    it('is recorded under its planned time before it runs, and with its outcome after', async () => {
      const key = `${prefix}/runs/nightly/20261123T030000Z`
      let during = ''
      const a = gateway({
        call: async () => {
          during = (await registry.kv.get(key))?.value.toString() ?? ''
          return { status: 204 }
        },
      })
      a.fire(three)
      await a.outcome(three)
      const recorded = JSON.parse((await registry.kv.get(key))?.value.toString() ?? '') as RunRecord
      assert.deepEqual([JSON.parse(during).ok, recorded.ok, recorded.by, recorded.term], [null, true, 'a', '7'])
    })

    it('does not run where nobody leads', async () => {
      const a = gateway()
      a.election.lose()
      a.fire(three)
      await a.scheduler.close()
      assert.equal(a.calls.length, 0)
      assert.deepEqual(await registry.kv.list(`${prefix}/runs/`), [])
    })

    it('runs when its claim was written and only the answer was lost', async () => {
      let lost = false
      const put: Kv['put'] = async (key, value, options) => {
        const written = await registry.kv.put(key, value, options)
        if (lost) return written
        lost = true
        throw lostAnswer
      }
      const a = gateway({ registry: withKv({ put }) })
      a.fire(three)
      assert.equal((await a.outcome(three)).ok, true)
      assert.equal(a.calls.length, 1)
    })

    it('does not run when its claim cannot be written, and says so', async () => {
      const a = gateway({ registry: withKv({ put: () => Promise.reject(lostAnswer) }) })
      a.fire(three)
      assert.match((await a.outcome(three)).detail, /did not run, since its record could not be written: the answer was lost/)
      assert.equal(a.calls.length, 0)
    })

    it('does not run when it is older than every kept record, since its own may have been deleted', async () => {
      const records = new RunRecords(registry, prefix)
      for (let minute = 10; minute < 30; minute++) await records.claim(record(`2026-11-23T03:${minute}:00.000Z`))
      const behind = gateway()
      behind.fire(three)
      await until('it was refused', () => behind.scheduler.view().tasks[0]?.running === null)
      behind.fire('2026-11-23T03:30:00Z')
      await behind.outcome('2026-11-23T03:30:00Z')
      assert.deepEqual(
        behind.calls.map(({ headers }) => headers['Idempotency-Key']),
        ['nightly/20261123T033000Z'],
      )
    })

    it('shows up in the view of every gateway', async () => {
      const a = gateway({ name: 'a' })
      a.fire(three)
      await a.outcome(three)
      const b = gateway({ name: 'b' })
      const seen = await b.outcome(three)
      assert.deepEqual([seen.by, seen.ok, seen.term], ['a', true, '7'])
    })

    it('leaves a record that is kept among the last 20 or was planned within ten minutes before the latest', async () => {
      const records = new RunRecords(registry, prefix)
      const now = Date.parse('2026-11-23T03:30:00Z')
      for (let minute = 0; minute < 30; minute++) await records.claim(record(new Date(now - minute * 60_000).toISOString()))
      await records.prune((await records.list()).get('nightly') ?? [])
      assert.equal((await records.list()).get('nightly')?.length, 20)
      for (let second = 1; second < 30; second++) await records.claim(record(new Date(now + second * 1000).toISOString()))
      await records.prune((await records.list()).get('nightly') ?? [])
      assert.equal((await records.list()).get('nightly')?.length, 29 + 10, 'those of the ten minutes before the latest stay')
    })
  })
}

function record(fireTime: string): RunRecord {
  const outcome = { by: 'x', term: '1', startedAt: fireTime, endedAt: fireTime, ok: true, detail: '' }
  return { task: 'nightly', fireTime, pid: 1, ...outcome, cause: 'schedule', attempts: [outcome] }
}
