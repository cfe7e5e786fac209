import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { targets } from '../conformance/targets.ts'
import { call, type Reply } from './registry.ts'

for (const target of targets.filter(({ name }) => !name.includes('data folder'))) {
  let url = ''
  let opened: { port: number; close(): Promise<void> } | undefined
  before(async () => {
    if (target.skip !== false) return
    opened = await target.open()
    url = `http://127.0.0.1:${opened.port}`
    const Service = { ID: 'Web-1', Service: 'Web', Port: 80 }
    const Check = { CheckID: 'up', Name: 'up', Status: 'passing', ServiceID: 'Web-1' }
    await put('/v1/catalog/register', { Node: 'Box', Address: '192.0.2.1', Service, Check })
    await put('/v1/catalog/register', { Node: 'Box', Address: '192.0.2.1', Service: { ID: 'web-2', Service: 'web', Port: 81 } })
  })
  after(() => opened?.close())
  const get = (path: string): Promise<Reply> => call(`${url}${path}`, 'GET')
  const put = (path: string, body?: unknown): Promise<Reply> => call(`${url}${path}`, 'PUT', body)
  const count = async (path: string): Promise<number> => (await get(path)).json<unknown[]>().length

  test(
    `a service is found by its name in any case, and shown as it was written (${target.name})`,
    { skip: target.skip },
    async () => {
      for (const name of ['Web', 'web', 'WEB']) {
        assert.equal(await count(`/v1/catalog/service/${name}`), 2)
        assert.equal(await count(`/v1/health/service/${name}`), 2)
        assert.equal(await count(`/v1/health/checks/${name}`), 1)
      }
      const names = Object.keys((await get('/v1/catalog/services')).json<object>())
      assert.deepEqual(names.toSorted(), ['Web', 'consul', 'web'])
    },
  )

  test(`a watcher is woken by a change of a service in any case (${target.name})`, { skip: target.skip }, async () => {
    const { index } = await get('/v1/health/service/WEB')
    assert.equal(index, (await get('/v1/health/service/web')).index)
    const woken = get(`/v1/health/service/wEB?index=${index}&wait=30s`)
    await put('/v1/catalog/register', { Node: 'Box', Address: '192.0.2.1', Service: { ID: 'web-2', Service: 'web', Port: 82 } })
    assert.ok((await woken).index > index)
  })

  test(`a node is found by its name in any case, and is one node (${target.name})`, { skip: target.skip }, async () => {
    for (const name of ['Box', 'box', 'BOX']) {
      assert.equal((await get(`/v1/catalog/node/${name}`)).json<{ Node: { Address: string } }>().Node.Address, '192.0.2.1')
      assert.equal((await get(`/v1/catalog/node-services/${name}`)).json<{ Services: unknown[] }>().Services.length, 2)
      assert.equal(await count(`/v1/health/node/${name}`), 1)
      assert.equal((await get(`/v1/internal/ui/node/${name}`)).status, 200)
    }
    await put('/v1/session/create', { Node: 'bOX', Checks: [] })
    assert.equal(await count('/v1/session/node/BOX'), 1)
    await put('/v1/catalog/register', { Node: 'box', Address: '192.0.2.2' })
    assert.equal(await count('/v1/catalog/nodes'), 2)
    assert.equal((await get('/v1/catalog/node/Box')).json<{ Node: { Address: string } }>().Node.Address, '192.0.2.2')
  })

  test(`a prepared query is found by its name in any case (${target.name})`, { skip: target.skip }, async () => {
    await call(`${url}/v1/query`, 'POST', { Name: 'Shop', Service: { Service: 'wEB' } })
    assert.equal((await get('/v1/query/shop/execute')).json<{ Nodes: unknown[] }>().Nodes.length, 2)
  })

  test(`the agent knows what it registered by the very id and name (${target.name})`, { skip: target.skip }, async () => {
    await put('/v1/agent/service/register', { ID: 'Job-1', Name: 'Job' })
    assert.equal((await get('/v1/agent/service/job-1')).status, 404)
    assert.equal((await get('/v1/agent/health/service/name/job')).status, 404)
    assert.equal(await count('/v1/health/service/job'), 1)
  })

  test(`a node is removed by its name in any case (${target.name})`, { skip: target.skip }, async () => {
    await put('/v1/catalog/deregister', { Node: 'BOX' })
    assert.equal(await count('/v1/catalog/nodes'), 1)
    assert.equal(await count('/v1/session/list'), 0)
  })
}
