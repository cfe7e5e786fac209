import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Difference } from '../../src/controlplane/explain/difference.ts'
import type { Explanation } from '../../src/controlplane/explain/explanation.ts'
import { startAdminUnderTest } from '../admin/subject.ts'
import { fileText, instance } from '../controlplane/control-plane.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { until } from '../support/until.ts'
import { meshgate } from './captured.ts'

const config = `defaults: { timeouts: { idle: 40s } }
routes:
  - name: api
    match: { host: shop.example.com, path: /api/*, methods: [GET], headers: { x-tenant: acme }, query: { v: "2" } }
    filters: [ { rewritePath: { strip: /api } }, { compress: {} } ]
    to: [ { upstream: shop, where: { version: v1 }, weight: 3 }, { upstream: web } ]
    timeouts: { response: 3s }
  - { name: rest, match: { path: "/*" }, to: web }
  - { name: closed, match: { path: /closed }, filters: [ { respond: { status: 410, body: gone } } ], to: web }
upstreams:
  shop: { balance: least-requests, retry: { attempts: 4 } }
`

async function explained(...args: string[]): Promise<Explanation> {
  const ran = await meshgate('explain', ...args, '--json')
  assert.equal(ran.err, '')
  return JSON.parse(ran.out) as Explanation
}

describe('meshgate explain', () => {
  let admin: Awaited<ReturnType<typeof startAdminUnderTest>>
  let web: TestInstance
  let folder: string
  let candidate: string
  const live = (...args: string[]) => explained(...args, '--admin', `127.0.0.1:${admin.port}`)
  before(async () => {
    web = await startInstance('web')
    admin = await startAdminUnderTest(config)
    admin.registry.list('web', [
      instance('web', web.port, { id: 'well' }),
      instance('web', web.port, { id: 'ill', status: 'critical', address: { host: '127.0.0.2', port: web.port } }),
    ])
    admin.registry.list('shop', [])
    await until('web serves', () => admin.plane.upstreams.find('web')?.upstream.members.eligible.length === 1)
    folder = await mkdtemp(join(tmpdir(), 'meshgate-explain-'))
    candidate = join(folder, 'candidate.yaml')
    await writeFile(candidate, fileText(config.replace('response: 3s', 'response: 4s').replace('name: rest', 'name: other')))
  })
  after(async () => {
    await admin.close()
    await web.kill()
    await rm(folder, { recursive: true })
  })

  it('names each part of a match that does not take the request, with what was found', async () => {
    const { route, tried } = await live('POST', 'https://shop.example.com/x?v=1', '-H', 'X-Tenant: other')
    assert.equal(route, 'rest')
    const api = tried.find((one) => one.route === 'api')
    assert.deepEqual(api?.failed, [
      { part: 'path', wanted: '/api/*', found: '/x' },
      { part: 'methods', wanted: 'GET', found: 'POST' },
      { part: 'headers.x-tenant', wanted: 'acme', found: 'other' },
      { part: 'query.v', wanted: '2', found: '1' },
    ])
    assert.match(api.at ?? '', /^gateway\.yaml:4:\d+$/)
  })

  it('tells the winner, what it shadows, the filters and the path behind them', async () => {
    const told = await live('GET', 'http://shop.example.com/api/1?v=2', '-H', 'x-tenant: acme')
    assert.deepEqual([told.route, told.shadows, told.path], ['api', ['rest'], '/1'])
    assert.deepEqual(told.filters, [
      { kind: 'rewritePath', outcome: 'passed', status: null },
      { kind: 'compress', outcome: 'not run', status: null },
    ])
    assert.ok(told.generation >= 1)
  })

  it('tells of each value of the policy which level has set it', async () => {
    const told = await live('GET', 'http://shop.example.com/api/1?v=2', '-H', 'x-tenant: acme')
    const shop = told.destinations.find(({ upstream }) => upstream === 'shop')
    const from = (setting: string) => {
      const found = shop?.policy.find((value) => value.setting === setting)
      return [found?.value, found?.from]
    }
    assert.deepEqual(from('timeouts.responseMs'), [3_000, 'route'])
    assert.deepEqual(from('retry.attempts'), [4, 'upstream'])
    assert.deepEqual(from('balance.kind'), ['least-requests', 'upstream'])
    assert.deepEqual(from('timeouts.idleMs'), [40_000, 'defaults'])
    assert.deepEqual(from('timeouts.connectMs'), [1_000, 'built-in'])
  })

  it('tells of each instance why it gets nothing, and whom the balancer picks', async () => {
    const { destinations, pick } = await live('GET', 'http://any.test/')
    const instances = destinations[0]?.instances ?? []
    assert.deepEqual(
      instances.map(({ id, exclusion, share }) => [id, exclusion, share]),
      [
        ['well', null, 1],
        ['ill', 'registry_critical', 0],
      ],
    )
    assert.deepEqual(pick, { destination: 'web', upstream: 'web', instance: 'well', address: `127.0.0.1:${web.port}` })
  })

  it('tells a filter that replies: then no upstream is asked', async () => {
    const { route, filters, destinations, pick } = await live('GET', 'http://any.test/closed')
    assert.deepEqual([route, destinations, pick], ['closed', [], null])
    assert.deepEqual(filters, [{ kind: 'respond', outcome: 'replied', status: 410 }])
  })

  it('tells with a candidate what would be different', async () => {
    const url = 'http://shop.example.com/api/1?v=2'
    const at = `127.0.0.1:${admin.port}`
    const { out } = await meshgate('explain', url, '-H', 'x-tenant: acme', '--admin', at, '--against', candidate, '--json')
    const { differences } = JSON.parse(out) as { differences: readonly Difference[] }
    const values = { now: 3_000, candidate: 4_000 }
    assert.deepEqual(differences, [
      { what: 'shop where version: v1: timeouts.responseMs', ...values },
      { what: 'web: timeouts.responseMs', ...values },
    ])
    const { out: text } = await meshgate('explain', 'http://any.test/', '--admin', at, '--against', candidate)
    assert.match(text, /^route: "rest" -> "other"$/m)
  })

  it('reads a file without a gateway, of which no instance is known', async () => {
    const { route, destinations } = await explained('http://any.test/', '--config', candidate)
    assert.equal(route, 'other')
    assert.deepEqual(destinations[0]?.instances, [])
    assert.equal(destinations[0]?.refusal?.code, 'upstream_unknown')
  })

  it('ends with 1 if no route takes the request, and with 2 if there is no such request', async () => {
    const file = join(folder, 'small.yaml')
    await writeFile(file, fileText('routes: [a.test/* -> a]'))
    const none = await meshgate('explain', 'http://b.test/', '--config', file)
    assert.equal(none.code, 1)
    assert.match(none.out, /no route takes it: no_route\n[^]*host: a\.test, not b\.test/)
    const wrong = [
      ['http://b.test/', '-H', 'nonsense'],
      ['/only-a-path'],
      ['GET', 'http://b.test/', 'more'],
      ['G T', 'http://b.test/'],
    ]
    for (const args of wrong) assert.equal((await meshgate('explain', ...args, '--config', file)).code, 2, args.join(' '))
  })
})
