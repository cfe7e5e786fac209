import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { instance as registered } from '../../controlplane/control-plane.ts'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'
import { startMeshPlane, type TestMeshPlane } from '../../support/mesh-plane.ts'
import { sendRaw } from '../../support/raw-socket.ts'
import { until } from '../../support/until.ts'

const { instance } = dataPlaneFixture()

const web = 'web-token-0123456789'
const billing = 'billing-token-0123456789'
const rules = `mesh:
  default: deny
  rules:
    - { from: web, to: orders, allow: true }
    - { from: web, to: payroll, allow: false }
    - { from: "*", to: health, allow: true }
  callers:
    web: { token: ${web} }
    billing: { token: "sha256:${createHash('sha256').update(billing).digest('hex')}" }
`

let mesh: TestMeshPlane
let seen: IncomingHttpHeaders | null

beforeEach(async () => {
  seen = null
  const { port } = await instance((request, response) => {
    seen = request.headers
    response.end('served')
  })
  mesh = await startMeshPlane(rules, ['127.0.0.1'])
  const names = ['orders', 'payroll', 'health']
  mesh.registry.listServices(names)
  for (const name of names) {
    void mesh.plane.upstreams.demand(mesh.plane.reconciler.hot.defaultUpstream(name))
    mesh.registry.list(name, [registered(name, port)])
  }
  await until('they pass', () => [...mesh.plane.upstreams.rows].every(({ upstream }) => upstream.members.eligible.length === 1))
})
afterEach(() => mesh.close())

/** The status of a call, and the code and message of our own answers. */
async function call(to: string, ...fields: string[]): Promise<string> {
  const lines = fields.map((field) => `${field}\r\n`).join('')
  const text = await sendRaw(mesh.port, `GET / HTTP/1.1\r\nHost: ${to}\r\nConnection: close\r\n${lines}\r\n`)
  const body = text.slice(text.indexOf('\r\n\r\n') + 4)
  if (!body.startsWith('{')) return text.slice(9, 12)
  const { error } = JSON.parse(body) as { error: { code: string; message: string } }
  return `${text.slice(9, 12)} ${error.code}: ${error.message}`
}

function basic(user: string, password: string): string {
  return `Proxy-Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

describe('a caller', () => {
  for (const [way, field] of [
    ['in its field', `x-mesh-token: ${web}`],
    ['as a bearer of the proxy', `Proxy-Authorization: Bearer ${web}`],
    ['as the password of the proxy', basic('anybody', web)],
  ] as const) {
    it(`is known by its token ${way}, which its callee does not see`, async () => {
      assert.equal(await call('orders', field), '200')
      assert.ok(seen)
      assert.ok(!JSON.stringify(seen).includes(web), JSON.stringify(seen))
      assert.deepEqual([seen['x-mesh-token'], seen['proxy-authorization']], [undefined, undefined])
    })
  }

  it('that no rule allows is refused with its name, the callee’s and the rule', async () => {
    assert.equal(
      await call('payroll', `X-Mesh-Token: ${web}`),
      '403 mesh_denied: The rules of the mesh do not allow this call. "web" may not call "payroll": mesh.rules[1] (from: web, to: payroll).',
    )
    assert.equal(
      await call('orders', `X-Mesh-Token: ${billing}`),
      '403 mesh_denied: The rules of the mesh do not allow this call. "billing" may not call "orders": mesh.default (deny).',
    )
    assert.equal(
      await call('v1.orders.service.dc2.consul'),
      '403 mesh_denied: The rules of the mesh do not allow this call. A caller that nobody knows may not call "orders": mesh.default (deny).',
    )
    assert.equal(seen, null)
    assert.equal(await call('health'), '200', 'what is for everybody is for them too')
  })

  it('that takes us for a proxy is asked for its token, as some programs want to be before they tell it', async () => {
    const asked = /^HTTP\/1\.1 407 [^]*\r\nproxy-authenticate: Basic realm="meshgate"\r\n[^]*"mesh_token_required"/
    const absolute = 'GET http://orders/ HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n'
    const tunnel = 'CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\nConnection: close\r\n'
    for (const head of [absolute, tunnel]) assert.match(await sendRaw(mesh.port, `${head}\r\n`), asked)
    const known = await sendRaw(mesh.port, `${absolute}${basic('billing', billing)}\r\n\r\n`)
    assert.match(known, /^HTTP\/1\.1 403 [^]*"mesh_denied"/, 'who is known is not asked')
    assert.match(await call('orders'), /^403 mesh_denied/, 'nor is who takes us for the service')
    assert.match(await sendRaw(mesh.port, `${absolute}${basic('web', web)}\r\n\r\n`), /^HTTP\/1\.1 200 /)
    mesh.plane.setFile('mesh: { default: deny }')
    assert.match(await sendRaw(mesh.port, `${absolute}\r\n`), /^HTTP\/1\.1 403 /, 'where nobody has a token none is asked for')
  })

  it('with a wrong token is refused, and not taken for one without', async () => {
    const wrong = [
      'X-Mesh-Token: not-the-token-0123456789',
      'X-Mesh-Token:',
      `X-Mesh-Token: sha256:${createHash('sha256').update(web).digest('hex')}`,
      'Proxy-Authorization: Digest x',
      'Proxy-Authorization: Basic %%%',
      basic(web, ''),
    ]
    for (const field of wrong) assert.match(await call('health', field), /^403 mesh_token_invalid: /, field)
    assert.match(
      await call('orders', 'X-Mesh-Token: wrong-token-0123456789', `X-Mesh-Token: ${web}`),
      /^403 mesh_token_invalid: /,
    )
    assert.equal(seen, null)
  })

  it('learns of names near a mistyped one only those that it may call', async () => {
    assert.match(await call('helth', `X-Mesh-Token: ${web}`), /^403 mesh_denied/, 'whether there is such a service is not told')
    mesh.plane.setFile(rules.replace('default: deny', 'default: allow'))
    assert.match(await call('payrol'), /^404 service_unknown: .* Did you mean "payroll"\?$/)
    assert.equal(await call('payrol', `X-Mesh-Token: ${web}`), '404 service_unknown: There is no service of this name.')
  })

  it('may do what a changed config says from the next request on', async () => {
    assert.match(await call('orders', `X-Mesh-Token: ${billing}`), /^403 /)
    mesh.plane.setFile(rules.replace('from: web, to: orders', 'from: billing, to: orders'))
    assert.equal(await call('orders', `X-Mesh-Token: ${billing}`), '200')
    assert.match(await call('orders', `X-Mesh-Token: ${web}`), /^403 mesh_denied/)
    mesh.plane.setFile('')
    assert.equal(await call('payroll'), '200')
    assert.equal(await call('payroll', `X-Mesh-Token: ${web}`), '200')
  })
})

describe('a caller without token', () => {
  it('is known by its address, as a trusted proxy tells it', async () => {
    mesh.mesh.addresses = new Map([['10.1.1.1', 'web']])
    assert.equal(await call('orders', 'X-Forwarded-For: 10.1.1.1'), '200')
    assert.match(await call('orders', 'X-Forwarded-For: 10.1.1.2'), /^403 mesh_denied/)
    assert.match(
      await call('orders', 'X-Forwarded-For: 10.1.1.1, 10.1.1.2'),
      /^403 mesh_denied/,
      'what clients write counts nothing',
    )
    assert.equal(
      await call('orders', 'X-Forwarded-For: 10.1.1.2', `X-Mesh-Token: ${web}`),
      '200',
      'a token stands above the address',
    )
  })
})

describe('the calls between services', () => {
  it('are counted by caller and callee, and names that callers invent are not', async () => {
    await call('orders', `X-Mesh-Token: ${web}`)
    await call('orders', `X-Mesh-Token: ${web}`)
    await call('payroll', `X-Mesh-Token: ${web}`)
    await call('health')
    // Refused, whether the rules would have allowed it or not.
    for (const to of ['health', 'payroll']) await call(to, 'X-Mesh-Token: wrong-token-0123456789')
    for (let invented = 0; invented < 20; invented++) await call(`invented-${invented}`)
    const [requests, durations] = mesh.mesh.edges.metricSources()
    const told = [...(requests?.samples() ?? [])].map(
      ({ labels: { from, to, outcome }, value }) => `${from} ${to} ${outcome} ${value}`,
    )
    assert.deepEqual(told.toSorted(), ['unknown * denied 22', 'unknown health ok 1', 'web orders ok 2', 'web payroll denied 1'])
    const whole = [...(durations?.samples() ?? [])].filter(({ labels }) => labels['le'] === '+Inf' && labels['to'] === 'orders')
    assert.deepEqual(
      whole.map(({ value }) => value),
      [2],
    )
  })
})
