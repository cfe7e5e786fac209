import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import Consul from 'consul'
import { consulSkip, findConsul } from '../../conformance/consul.ts'
import { makeFolder, openRegistry } from '../registry.ts'

const run = promisify(execFile)

test('the Node client registers, finds, stores, locks and watches', async (context) => {
  const registry = await openRegistry(context)
  const client = new Consul({ host: '127.0.0.1', port: registry.port })
  await client.agent.service.register({
    name: 'web',
    id: 'web-1',
    address: '127.0.0.1',
    port: 80,
    check: { name: 'up', ttl: '30s' },
  } as never)
  await client.agent.check.pass({ id: 'service:web-1' } as never)
  const found = (await client.health.service({ service: 'web', passing: true })) as { Service: { ID: string } }[]
  assert.deepEqual(
    found.map(({ Service }) => Service.ID),
    ['web-1'],
  )
  assert.equal(await client.kv.set('app/a', 'one'), true)
  assert.equal(((await client.kv.get('app/a')) as { Value: string }).Value, 'one')
  assert.deepEqual(await client.kv.keys('app/'), ['app/a'])
  const { ID: session } = await client.session.create({ ttl: '15s' })
  assert.equal(await client.kv.set({ key: 'lock', value: 'me', acquire: session }), true)

  // oxlint-disable-next-line typescript/unbound-method -- the client asks for the bare method and binds it itself
  const watch = client.watch({ method: client.kv.get, options: { key: 'app/a' } })
  const changed = new Promise<unknown>((resolve, reject) => {
    let seen = 0
    watch.on('change', (data: unknown) => {
      if (seen++ === 0) client.kv.set('app/a', 'two').catch(reject)
      else resolve(data)
    })
    watch.on('error', reject)
  })
  assert.equal(((await changed) as { Value: string }).Value, 'two')
  watch.end()
  await client.agent.service.deregister('web-1')
  assert.deepEqual(await client.health.service('web'), [])
})

test("Consul's own command line registers, stores and locks", { skip: consulSkip() }, async (context) => {
  const registry = await openRegistry(context)
  const consul = async (...args: string[]): Promise<string> =>
    (await run(findConsul() ?? 'consul', args, { env: { ...process.env, CONSUL_HTTP_ADDR: `127.0.0.1:${registry.port}` } }))
      .stdout
  const file = join(makeFolder(context), 'web.json')
  writeFileSync(file, JSON.stringify({ service: { name: 'web', port: 80, check: { ttl: '30s', status: 'passing' } } }))
  await consul('services', 'register', file)
  assert.match(await consul('catalog', 'services'), /^web$/m)
  assert.equal((await registry.get('/v1/health/service/web?passing')).json<unknown[]>().length, 1)

  await consul('kv', 'put', '-flags=18446744073709551615', 'app/a', 'hello')
  assert.equal(await consul('kv', 'get', 'app/a'), 'hello\n')
  assert.match(await consul('kv', 'get', '-detailed', 'app/a'), /Flags +18446744073709551615/)
  assert.match(await consul('kv', 'export', 'app/'), /"key": "app\/a"/)

  assert.equal(await consul('lock', 'app/lock', 'echo', 'held'), 'held\n')
  await consul('services', 'deregister', '-id', 'web')
  await consul('kv', 'delete', '-recurse', 'app/')
  assert.equal((await registry.get('/v1/kv/app/?keys')).status, 404)
})
