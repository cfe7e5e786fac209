import assert from 'node:assert/strict'
import { it } from 'node:test'
import { skipWithoutConsul, startConsulCluster } from '../support/consul.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startInstance } from '../support/instance.ts'
import { startLoad } from '../support/load.ts'
import { put, registerInstance } from '../support/registries.ts'
import { until } from '../support/until.ts'

const config = `
defaults: { health: { every: 500ms, timeout: 500ms } }
routes:
  - /hello/* -> hello
`

it(
  'no request fails when the leader of a three-server Consul is killed, and changes arrive again after it',
  { skip: skipWithoutConsul() },
  async () => {
    const cluster = await startConsulCluster(3)
    const leader = await cluster.leader()
    const followers = cluster.servers.filter((server) => server !== leader)
    const [home] = followers
    assert.ok(home)
    const gateway = await startGatewayProcess({ registry: `{ consul: { address: "${home.address}" } }`, config })
    const instances = [await startInstance('first'), await startInstance('second')]
    try {
      for (const { port } of instances) await registerInstance(home.address, 'hello', port)
      await until('the route serves', async () => (await fetch(`${gateway.web}/hello/`)).ok)
      const load = startLoad(`${gateway.web}/hello/`, 8)
      await leader.kill()
      const next = await until(
        'another server leads',
        async () => {
          const found = await cluster.leader()
          return found === leader ? null : found
        },
        30_000,
      )
      await until(
        'the new leader takes writes',
        () => put(next.address, '/v1/kv/gateway/routes/after', 'match: { path: /after/* }\nto: hello\n'),
        30_000,
      )
      await until('a change arrives through the new leader', async () => (await fetch(`${gateway.web}/after/`)).ok, 30_000)
      const { sent, failed, failures } = await load.stop()
      assert.equal(failed, 0, `${failed} of ${sent} requests failed: ${failures.join('\n')}`)
      console.log(`${sent} requests while the leader was killed and another was elected, 0 failed`)
    } finally {
      await gateway.stop()
      await cluster.stop()
      for (const instance of instances) await instance.kill()
    }
  },
)
