import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { UpstreamView } from '../../src/admin/upstreams-view.ts'
import { meshgate } from '../cli/captured.ts'
import { startEmbedded, type TestRegistry } from '../controlplane/embedded.ts'
import { startAppHere, type AppHere } from '../support/app-here.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { registerInstance } from '../support/registries.ts'
import { until } from '../support/until.ts'

const config = `
upstreams: { shop: { health: { http: /, every: 300ms, timeout: 200ms, shared: 2 } } }
routes:
  - { name: shop, match: { path: /* }, filters: [{ rateLimit: { rate: 400/s, by: route, scope: cluster } }], to: [{ upstream: shop }] }
`

type Replica = Pick<AppHere, 'web' | 'adminAddress'>

async function instancesOf({ adminAddress }: Replica): Promise<UpstreamView['instances']> {
  const upstreams = (await (await fetch(`http://${adminAddress}/upstreams`)).json()) as readonly UpstreamView[]
  return upstreams.find(({ name }) => name === 'shop')?.instances ?? []
}

/** A figure of the metrics page. */
async function figure({ adminAddress }: Replica, name: string): Promise<number> {
  const page = await (await fetch(`http://${adminAddress}/metrics`)).text()
  return Number(new RegExp(`^${name}\\{.*\\} (.*)$`, 'm').exec(page)?.[1])
}

describe('four gateways on one registry, one of them with two workers', () => {
  let registry: TestRegistry
  let instances: readonly TestInstance[] = []
  let here: readonly AppHere[] = []
  let withWorkers: GatewayProcess
  let replicas: readonly Replica[] = []
  before(async () => {
    const [port = 0] = await freePorts(1)
    registry = await startEmbedded(port)
    instances = await Promise.all(['a', 'b', 'c'].map((name) => startInstance(name)))
    for (const instance of instances) await registerInstance(registry.address, 'shop', instance.port)
    here = await Promise.all([1, 2, 3].map(() => startAppHere(registry.address, config)))
    withWorkers = await startGatewayProcess({
      registry: `{ consul: { address: "${registry.address}", state: off } }`,
      config: `workers: 2\n${config}`,
    })
    replicas = [...here, withWorkers]
  })
  after(async () => {
    await withWorkers?.stop()
    await Promise.all(here.map((app) => app.stop()))
    await Promise.all(instances.map((instance) => instance.kill()))
    await registry.close()
  })

  it('probe each instance by two of them, and tell who', async () => {
    await until('two probe, and two believe these two', async () => {
      const seen = await Promise.all(replicas.map(instancesOf))
      return instances.every((_, at) => {
        const by = seen.map((list) => list[at]?.probe.by.length)
        return by.filter((count) => count === 0).length === 2 && by.filter((count) => count === 2).length === 2
      })
    })
    assert.ok((await Promise.all(replicas.map(({ web }) => fetch(web)))).every(({ ok }) => ok))
    await until('the metrics say the same', async () => {
      const believed = await Promise.all(replicas.map((replica) => figure(replica, 'meshgate_upstream_shared_verdicts')))
      return believed.reduce((sum, count) => sum + count, 0) === 2 * instances.length
    })
    const printed = await Promise.all(replicas.map(({ adminAddress }) => meshgate('upstreams', '--admin', adminAddress)))
    assert.ok(printed.some(({ out }) => /healthy .*seen by meshgate-\S+, meshgate-\S+/.test(out)))
  })

  it('all take out an instance that dies, and only that one', async () => {
    await instances[2]?.kill()
    await until('two are left everywhere', async () => {
      const seen = await Promise.all(replicas.map(instancesOf))
      return seen.every((list) => list.filter(({ eligible }) => eligible).length === 2)
    })
    const url = 'http://shop.example.com/'
    const explained = await Promise.all(
      replicas.map(({ adminAddress }) => meshgate('explain', 'GET', url, '--admin', adminAddress)),
    )
    assert.ok(explained.every(({ out }) => out.includes('probe_failing: / (')))
    assert.ok(explained.some(({ out }) => /probe_failing: .*, seen by meshgate-/.test(out)))
    await instances[2]?.restart()
    await until('it is back everywhere', async () => {
      const seen = await Promise.all(replicas.map(instancesOf))
      return seen.every((list) => list.every(({ eligible }) => eligible))
    })
  })

  it('keep a limit together, most of which goes to the workers that have the load', async () => {
    await until('the parts have gone there', async () => {
      await Promise.all(Array.from({ length: 40 }, () => fetch(withWorkers.web)))
      return (await figure(withWorkers, 'meshgate_cluster_limit_part')) > 0.7
    })
    const parts = await Promise.all(replicas.map((replica) => figure(replica, 'meshgate_cluster_limit_part')))
    const sum = parts.reduce((total, part) => total + part, 0)
    assert.ok(sum > 0.5 && sum < 1.3, `parts ${parts.join()}, read one after the other`)
  })

  it('go on alone when the registry is gone', async () => {
    await registry.close()
    await until('each believes itself', async () => {
      const seen = await Promise.all(replicas.map(instancesOf))
      return seen.every((list) => list.every(({ probe, eligible }) => probe.by.length === 0 && eligible))
    })
    await until('each has an equal part', async () => {
      const parts = await Promise.all(replicas.map((replica) => figure(replica, 'meshgate_cluster_limit_part')))
      return parts.every((part) => part === 0.25)
    })
    const answers = await Promise.all(replicas.map(({ web }) => fetch(web)))
    assert.ok(answers.every(({ ok }) => ok))
  })
})
