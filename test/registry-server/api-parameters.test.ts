import assert from 'node:assert/strict'
import { request, type IncomingHttpHeaders } from 'node:http'
import { after, before, test } from 'node:test'
import { targets } from '../conformance/targets.ts'
import { call } from './registry.ts'

// What Consul looks at before it looks at what is asked. The cases were found by comparing random requests, and hold for both.

type Case = readonly [call: string, header: IncomingHttpHeaders, status: number, text: string]

const id = '11111111-2222-3333-4444-555555555555'
const namespaced = { 'x-consul-namespace': 'team' }
const badCache = { 'cache-control': 'max-age=soon' }
const inHeader = 'Bad request: Invalid header: "X-Consul-Namespace" - Namespaces are a Consul Enterprise feature'
const inQuery = 'Bad request: Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature'
const conflict = 'Cannot specify ?stale with ?consistent, conflicting semantics.'

const families: Readonly<Record<string, readonly Case[]>> = {
  'a namespace in a header is refused where one in the query is': [
    ['GET /v1/kv/a', namespaced, 400, inHeader],
    ['PUT /v1/kv/a', namespaced, 400, inHeader],
    ['GET /v1/session/list', namespaced, 400, inHeader],
    ['PUT /v1/session/create', namespaced, 400, inHeader],
    ['GET /v1/agent/services', namespaced, 400, inHeader],
    ['GET /v1/agent/services?ns=team', {}, 400, inQuery],
    ['PUT /v1/agent/check/pass/x?ns=team', {}, 400, inQuery],
    ['GET /v1/health/service/', namespaced, 400, inHeader],
    ['GET /v1/catalog/service/web', namespaced, 400, inHeader],
    ['PUT /v1/catalog/register?ns=team', {}, 400, inQuery],
  ],
  'an empty namespace is none, and what knows no namespaces takes any': [
    ['GET /v1/session/list?ns=', {}, 200, '[]'],
    ['GET /v1/catalog/service/web?ns', {}, 200, '[]'],
    ['GET /v1/catalog/nodes?ns=team&filter=Node+==+nobody', namespaced, 200, '[]'],
    ['GET /v1/query?ns=team', namespaced, 200, '[]'],
    ['GET /v1/coordinate/node/nobody?ns=team', namespaced, 404, ''],
  ],
  'index, wait and consistency are read by all that can be read, the status and some writes too': [
    ['GET /v1/status/leader?index=x', {}, 400, 'Invalid index'],
    ['GET /v1/status/peers?wait=x', {}, 400, 'Invalid wait time'],
    ['GET /v1/status/peers?stale&consistent', {}, 400, conflict],
    ['PUT /v1/kv/a?index=x', {}, 400, 'Invalid index'],
    ['DELETE /v1/kv/a?max_stale=x', {}, 400, 'Invalid max_stale value "x"'],
    ['PUT /v1/session/renew/x?wait=x', {}, 400, 'Invalid wait time'],
    ['GET /v1/health/service/?index=x', {}, 400, 'Invalid index'],
    ['GET /v1/operator/raft/configuration?index=x', {}, 400, 'Invalid index'],
    ['GET /v1/health/state/any?max_stale=1ms&consistent', {}, 400, conflict],
    ['GET /v1/agent/service/x?index=x', {}, 400, 'Invalid index'],
    ['GET /v1/agent/services?index=x', {}, 200, '{}'],
    ['PUT /v1/session/destroy/x?index=x', {}, 500, 'failed session lookup: index error: UUID must be 36 characters'],
  ],
  'a Cache-Control that cannot be read is refused also where nothing is cached': [
    ['GET /v1/kv/a', badCache, 400, 'Invalid Cache-Control header.'],
    ['PUT /v1/session/renew/x', badCache, 400, 'Invalid Cache-Control header.'],
    ['GET /v1/health/state/critical', badCache, 400, 'Invalid Cache-Control header.'],
    ['GET /v1/catalog/nodes', badCache, 400, 'Invalid Cache-Control header.'],
    ['GET /v1/status/leader', badCache, 400, 'Invalid Cache-Control header.'],
    ['GET /v1/agent/checks', badCache, 200, '{}'],
  ],
  'of several mistakes the first in the order of Consul is told': [
    ['GET /v1/kv/a?ns=team&index=x', {}, 400, 'Invalid index'],
    ['GET /v1/health/node/a?ns=team&index=x', {}, 400, inQuery],
    ['GET /v1/kv/a?index=x&wait=x', badCache, 400, 'Invalid Cache-Control header.'],
    ['GET /v1/kv/a?index=x&wait=x', {}, 400, 'Invalid wait time'],
    ['PUT /v1/kv/?dc=other', {}, 400, 'Missing key name'],
    ['PUT /v1/session/destroy/?dc=other', {}, 400, 'Missing session'],
    ['PUT /v1/event/fire/?dc=other', {}, 400, 'Missing name'],
    ['PUT /v1/event/fire/x?dc=other', {}, 500, 'No path to datacenter'],
  ],
  'reads about a mesh take the parameters of their kind, though there is none': [
    ['GET /v1/health/ingress/', {}, 400, 'Missing service name'],
    ['GET /v1/health/ingress/web?passing=maybe', {}, 400, 'Invalid value for ?passing'],
    ['GET /v1/health/ingress/web?passing=1&filter=Service.Port+==+1', {}, 200, '[]'],
    [
      'GET /v1/health/ingress/web?filter=Nope+==+1',
      {},
      500,
      'Failed to create boolean expression evaluator: Selector "Nope" is not valid',
    ],
    ['GET /v1/catalog/connect/', {}, 400, 'Missing service name'],
    [
      'GET /v1/catalog/connect/web?filter=Nope+==+1',
      {},
      500,
      'Failed to create boolean expression evaluator: Selector "Nope" is not valid',
    ],
    ['GET /v1/catalog/gateway-services/', {}, 400, 'Missing gateway name'],
    ['GET /v1/connect/intentions/check?source=a', {}, 500, "required query parameter 'destination' not set"],
    ['GET /v1/connect/intentions/check?source=a&destination=b', {}, 200, '{"Allowed":true}'],
  ],
  'a prepared query is looked up before an empty body is found wanting': [
    [
      'PUT /v1/query/x',
      {},
      500,
      'Prepared Query lookup failed: failed prepared query lookup: index error: UUID must be 36 characters',
    ],
    [`PUT /v1/query/${id}`, {}, 500, `Cannot modify non-existent prepared query: '${id}'`],
    ['PUT /v1/query/x?dc=other', {}, 500, 'No path to datacenter'],
    ['POST /v1/query', {}, 400, 'Request decode failed: EOF'],
  ],
  'an agent that is to deregister nothing says what is missing': [
    ['PUT /v1/agent/service/deregister/', {}, 500, 'ServiceID missing'],
    ['PUT /v1/agent/check/deregister/', {}, 500, 'CheckID missing'],
  ],
  'the first page answers any method': ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'].map(
    (method) => [`${method} /`, {}, 200, 'Consul Agent'] as const,
  ),
}

for (const target of targets.filter(({ name }) => !name.includes('data folder'))) {
  let opened: { port: number; close(): Promise<void> } | undefined
  before(async () => {
    if (target.skip === false) opened = await target.open()
  })
  after(() => opened?.close())
  for (const [behaviour, cases] of Object.entries(families)) {
    test(`${behaviour} (${target.name})`, { skip: target.skip }, async () => {
      for (const [call, headers, status, text] of cases)
        assert.deepEqual([call, ...(await send(opened?.port ?? 0, call, headers))], [call, status, text])
    })
  }
}

for (const target of targets.filter(({ name }) => !name.includes('data folder'))) {
  test(`a body that is null is one that says nothing (${target.name})`, { skip: target.skip }, async (context) => {
    const { port, close } = await target.open()
    context.after(close)
    const put = async (path: string): Promise<[number, string]> => {
      const { status, text } = await call(`http://127.0.0.1:${port}${path}`, 'PUT', 'null')
      return [status, text]
    }
    assert.deepEqual(await put('/v1/catalog/register'), [500, 'Must provide node'])
    assert.deepEqual(await put('/v1/agent/service/register'), [400, 'Missing service name'])
    assert.deepEqual(await put('/v1/agent/check/register'), [400, 'Missing check name'])
    assert.equal((await put('/v1/session/create'))[0], 200)
    assert.match((await put('/v1/txn')).join(' '), /^200 \{"Results":\[\],"Errors":null,/)
  })
}

function send(port: number, call: string, headers: IncomingHttpHeaders): Promise<[number | undefined, string]> {
  const [method = '', path = ''] = call.split(' ')
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve([response.statusCode, text]))
    })
    sent.on('error', reject).end()
  })
}
