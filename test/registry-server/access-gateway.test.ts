import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent } from 'undici'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startInstance } from '../support/instance.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { selfSigned } from '../support/self-signed.ts'
import { until } from '../support/until.ts'
import { makeTlsFiles } from './registry.ts'

test('a gateway whose embedded registry wants a token and speaks TLS is ready, and serves what is registered with both', async (context) => {
  const tls = makeTlsFiles(context)
  const [http = 0] = await freePorts(1)
  const instance = await startInstance('shop')
  context.after(() => instance.kill())
  const gateway = await startGatewayProcess({
    registry: `{ embedded: { http: "127.0.0.1:${http}", dns: off, data: "{folder}/data", token: secret, tls: ${JSON.stringify(tls)} } }`,
    config: `routes: [ "/shop/* -> shop" ]\nupstreams: { shop: { health: { tcp: {}, every: 100ms, jitter: 0%, timeout: 1s, healthy: 1, unhealthy: 1 } } }`,
  })
  context.after(() => gateway.stop())
  const dispatcher = new Agent({ connect: { ca: selfSigned.cert } })
  context.after(() => dispatcher.destroy())
  const register = async (token: string): Promise<number> => {
    const { statusCode, body } = await dispatcher.request({
      origin: `https://127.0.0.1:${http}`,
      method: 'PUT',
      path: '/v1/agent/service/register',
      headers: { 'X-Consul-Token': token },
      body: JSON.stringify({ Name: 'shop', Address: '127.0.0.1', Port: instance.port }),
    })
    await body.dump()
    return statusCode
  }
  assert.equal(await register('wrong'), 403)
  assert.equal(await register('secret'), 200)
  await until('the instance serves', async () => (await (await fetch(`${gateway.web}/shop/`)).text()) === 'shop')
  const config = JSON.stringify(await gateway.ask('/config'))
  assert.doesNotMatch(config, /secret/)
})
