import assert from 'node:assert/strict'
import { unlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { afterEach, describe, it } from 'node:test'
import type { RoutesView } from '../../src/admin/routes-view.ts'
import { adminTable } from '../../src/admin/table.ts'
import type { UpstreamView } from '../../src/admin/upstreams-view.ts'
import type { ConfigStatus } from '../../src/controlplane/config-status.ts'
import { fileText, instance, kvTexts } from '../controlplane/control-plane.ts'
import { startInstance } from '../support/instance.ts'
import { openRaw, sendRaw } from '../support/raw-socket.ts'
import { until } from '../support/until.ts'
import { idleDesk, startAdminUnderTest } from './subject.ts'

type Admin = Awaited<ReturnType<typeof startAdminUnderTest>>

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function start(...options: Parameters<typeof startAdminUnderTest>): Promise<Admin> {
  const admin = await startAdminUnderTest(...options)
  cleanups.push(() => admin.close())
  return admin
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: string
}

interface Sent {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Like fetch, but any Host may be sent. */
function call({ port }: Admin, method: string, path: string, { headers = {}, body: sentBody = '' }: Sent = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => void (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    sent.on('error', reject).end(sentBody)
  })
}

const errorOf = ({ body }: Answer): { code: string; message: string } =>
  (JSON.parse(body) as { error: { code: string; message: string } }).error

it('POST /workers/replace is refused where this process serves alone', async () => {
  const admin = await start('', { workers: null })
  const answer = await call(admin, 'POST', '/workers/replace')
  assert.equal(answer.status, 409)
  assert.equal(errorOf(answer).code, 'no_workers')
})

/** The query that an endpoint's description gives as an example. */
function exampleIn(tells: string): string {
  const [query = ''] = /\?\w+=\S+/.exec(tells) ?? []
  return query.replace('client=IP', 'client=127.0.0.1')
}

describe('every endpoint', () => {
  for (const { method, path, tells, maxBodyBytes } of adminTable) {
    it(`${method} ${path} answers 200 and tells ${tells}`, async () => {
      const admin = await start('routes: [/a -> a]')
      const answer = await call(admin, method, path + exampleIn(tells), {
        body: maxBodyBytes === undefined ? '' : '{"revision": null}',
      })
      assert.equal(answer.status, 200, answer.body)
      assert.match(String(answer.headers['content-type']), path === '/metrics' ? /^text\/plain/ : /^application\/json/)
      assert.equal(answer.headers['cache-control'], 'no-store')
      if (path !== '/metrics') assert.doesNotThrow(() => void JSON.parse(answer.body))
    })

    it(`${method} ${path} refuses another method and names its own`, async () => {
      const admin = await start('')
      const answer = await call(admin, method === 'GET' ? 'DELETE' : 'GET', path)
      assert.equal(answer.status, 405)
      assert.equal(answer.headers['allow'], method === 'GET' ? 'GET, HEAD' : 'POST')
      assert.equal(errorOf(answer).code, 'method_not_allowed')
    })
  }

  for (const { path, tells } of adminTable.filter(({ method }) => method === 'GET')) {
    it(`HEAD ${path} answers like GET, without the body`, async () => {
      const admin = await start('')
      const target = path + exampleIn(tells)
      const [head, got] = [await call(admin, 'HEAD', target), await call(admin, 'GET', target)]
      assert.deepEqual([head.status, head.headers['content-type'], head.body], [200, got.headers['content-type'], ''])
      assert.ok(Number(head.headers['content-length']) > 0)
    })
  }
})

describe('who may ask', () => {
  for (const host of ['127.0.0.1:8081', '127.0.0.1', 'localhost:8081', 'localhost', '[::1]:8081', '10.1.2.3:8081']) {
    it(`${host} is a direct name`, async () => {
      assert.equal((await call(await start(''), 'GET', '/livez', { headers: { host } })).status, 200)
    })
  }

  for (const host of ['evil.example:8081', 'localhost.evil.example', '127.0.0.1.evil.example', 'rebind.test', 'user@127.0.0.1']) {
    it(`"${host}" is refused: a page in a browser may have bent that name to this address`, async () => {
      const answer = await call(await start(''), 'GET', '/config', { headers: { host } })
      assert.equal(answer.status, 403)
      assert.equal(errorOf(answer).code, 'bad_host')
    })
  }

  it('a request without a Host is refused', async () => {
    const { port } = await start('')
    for (const host of ['', 'Host:\r\n'])
      assert.match(await sendRaw(port, `GET /config HTTP/1.0\r\n${host}\r\n`), /^HTTP\/1\.1 403 /)
  })

  it('a web page cannot change anything', async () => {
    let reloads = 0
    const admin = await start('', { reload: async () => void reloads++ })
    for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:${admin.port}`]) {
      const answer = await call(admin, 'POST', '/reload', { headers: { origin } })
      assert.deepEqual([answer.status, errorOf(answer).code], [403, 'cross_origin'])
    }
    assert.equal(reloads, 0)
    const answer = await call(admin, 'GET', '/config', { headers: { origin: 'http://evil.example' } })
    assert.equal(answer.headers['access-control-allow-origin'], undefined)
  })
})

describe('a request that is not understood', () => {
  it('for an unknown path is told what there is', async () => {
    const answer = await call(await start(''), 'GET', '/nothing?x=1')
    assert.equal(answer.status, 404)
    const { code, message } = errorOf(answer)
    assert.equal(code, 'not_found')
    assert.match(message, /^there is no \/nothing; /)
    for (const { path } of adminTable) assert.ok(message.split(' ').includes(path), path)
  })

  it('with a query is answered as without', async () => {
    assert.equal((await call(await start(''), 'GET', '/livez?verbose')).status, 200)
  })

  it('with a huge head is refused, and the next one is answered', async () => {
    const admin = await start('')
    const answer = await sendRaw(admin.port, `GET /livez HTTP/1.1\r\nHost: localhost\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 431 /)
    assert.equal((await call(admin, 'GET', '/livez')).status, 200)
  })

  it('with a huge body is answered without keeping the body', async () => {
    const admin = await start('')
    const client = await openRaw(admin.port)
    client.send(`POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n`)
    for (let sent = 0; sent < 20; sent++) client.send('x'.repeat(64 * 1024))
    await until('it is answered', () => client.received().startsWith('HTTP/1.1 200 '))
    client.socket.destroy()
  })

  it('that is no HTTP is refused, and the next one is answered', async () => {
    const admin = await start('')
    assert.match(await sendRaw(admin.port, '\u0016\u0003\u0001 nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
    assert.equal((await call(admin, 'GET', '/livez')).status, 200)
  })

  it('by a fault of ours is answered 500 and logged, and the next one is answered', async () => {
    const faults = [() => assert.fail('a bug'), () => ({ count: 1n })].map((view) => ({ view, desk: idleDesk }))
    for (const tasks of faults) {
      const admin = await start('', { tasks })
      const answer = await call(admin, 'GET', '/tasks')
      assert.deepEqual([answer.status, errorOf(answer).code], [500, 'internal'])
      assert.doesNotMatch(answer.body, /a bug\b(?! of)/)
      assert.equal(admin.plane.log.of('admin.failed').length, 1)
      assert.equal((await call(admin, 'GET', '/livez')).status, 200)
    }
  })
})

describe('/readyz', () => {
  it('answers 503 with the reason when the gateway shuts down, while /livez stays 200', async () => {
    const admin = await start('')
    admin.readiness.startDraining()
    const answer = await call(admin, 'GET', '/readyz')
    assert.equal(answer.status, 503)
    assert.deepEqual((JSON.parse(answer.body) as { reasons: string[] }).reasons, ['the gateway is shutting down'])
    assert.equal((await call(admin, 'GET', '/livez')).status, 200)
  })
})

describe('/routes', () => {
  it('tells the routes that serve, with their effective policy', async () => {
    const admin = await start('routes: [{ name: r, match: { path: /a }, to: a, timeouts: { response: 3s } }]')
    const view = JSON.parse((await call(admin, 'GET', '/routes')).body) as RoutesView
    assert.equal(view.generation, 1)
    const [route] = view.routes
    assert.deepEqual([route?.name, route?.match, route?.filters], ['r', { path: '/a' }, 0])
    assert.deepEqual(
      [route?.to[0]?.upstream, route?.to[0]?.timeouts.responseMs, route?.to[0]?.timeouts.connectMs],
      ['a', 3_000, 1_000],
    )
  })
})

describe('/upstreams', () => {
  it('tells each instance with its state and the reason', async () => {
    const target = await startInstance('a')
    cleanups.push(() => target.kill())
    const admin = await start('routes: [/a -> a]')
    const upstreams = async (): Promise<UpstreamView | undefined> =>
      (JSON.parse((await call(admin, 'GET', '/upstreams')).body) as UpstreamView[])[0]
    const before = await upstreams()
    assert.deepEqual([before?.name, before?.known, before?.eligible, before?.instances], ['a', false, 0, []])
    admin.registry.list('a', [
      instance('a', target.port, { id: 'good' }),
      instance('a', target.port, { id: 'ill', status: 'critical' }),
      instance('a', 0, { id: 'odd' }),
    ])
    const after = await until('the first probe has passed', async () => {
      const view = await upstreams()
      return view?.eligible === 1 ? view : null
    })
    assert.deepEqual(after.source, { kind: 'service', service: 'a' })
    assert.deepEqual(
      after.instances.map(({ id, eligible, exclusion, registry, probe }) => [id, eligible, exclusion, registry, probe.state]),
      [
        ['good', true, null, 'passing', 'healthy'],
        ['ill', false, 'registry_critical', 'critical', 'healthy'],
        ['odd', false, 'bad_address', 'passing', 'unknown'],
      ],
    )
  })
})

describe('/config', () => {
  it('tells what was refused, with the place', async () => {
    const admin = await start('routes: [/a -> a]')
    admin.plane.reconciler.setEntries(kvTexts({ 'routes/bad': '{ match: { pth: /b }, to: b }', 'routes/good': '/g -> g' }))
    const { entries, file, generation } = JSON.parse((await call(admin, 'GET', '/config')).body) as ConfigStatus
    assert.deepEqual([generation, file.state], [2, 'applied'])
    assert.deepEqual(
      entries.map(({ source, state }) => [source, state]),
      [
        ['kv:gateway/routes/bad', 'refused'],
        ['kv:gateway/routes/good', 'applied'],
      ],
    )
    const [problem] = entries[0]?.problems ?? []
    assert.deepEqual([problem?.line, problem?.column, problem?.path], [1, 12, 'match.pth'])
  })
})

describe('POST /reload', () => {
  it('applies the file as it stands now', async () => {
    const admin = await start('routes: [/a -> a]')
    await writeFile(admin.configFile, fileText('routes: [/b -> b]'))
    const answer = await call(admin, 'POST', '/reload')
    assert.equal(answer.status, 200)
    assert.equal((JSON.parse(answer.body) as ConfigStatus).generation, 2)
    assert.deepEqual(
      admin.plane.gateway.snapshot.routes.map(({ name }) => name),
      ['/b'],
    )
  })

  it('answers 422 with the problems of a bad file, and what served goes on', async () => {
    const admin = await start('routes: [/a -> a]')
    await writeFile(admin.configFile, fileText('routs: [/b -> b]'))
    const answer = await call(admin, 'POST', '/reload')
    assert.equal(answer.status, 422)
    const { file, generation } = JSON.parse(answer.body) as ConfigStatus
    assert.deepEqual([file.state, file.servesOlder, generation], ['refused', true, 1])
    assert.match(file.problems[0]?.message ?? '', /did you mean "routes"/)
  })

  it('answers 422 for a file that is gone', async () => {
    const admin = await start('routes: [/a -> a]')
    await unlink(admin.configFile)
    const answer = await call(admin, 'POST', '/reload')
    assert.equal(answer.status, 422)
    assert.match((JSON.parse(answer.body) as ConfigStatus).file.problems[0]?.message ?? '', /^does not exist/)
  })
})
