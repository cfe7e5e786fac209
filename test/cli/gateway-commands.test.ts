import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { TasksView } from '../../src/controlplane/tasks/task-view.ts'
import { idleDesk, startAdminUnderTest } from '../admin/subject.ts'
import { instance } from '../controlplane/control-plane.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { freePorts, runMeshgate } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'
import { meshgate } from './captured.ts'

const routes = `routes:
  - /hello/* -> hello
  - { name: split, match: { host: shop.example.com, path: /x, methods: [GET] }, to: [ { upstream: hello, weight: 3 }, { upstream: silent, weight: 1 } ] }
`
const run = { fireTime: '2026-01-01T03:00:00.000Z', by: 'gw-1', ok: true, detail: 'HTTP 200', endedAt: null }
const tasks = {
  leader: { name: 'gw-1', pid: 42, term: '7' },
  isLeader: true,
  tasks: [
    { name: 'nightly', cron: '0 3 * * *', timezone: 'UTC', next: '2026-01-02T03:00:00.000Z', last: run, runs: [run] },
    { name: 'new', cron: '* * * * *', timezone: 'UTC', next: null, last: null, runs: [] },
  ],
} as unknown as TasksView

/** The cells of a printed table. */
function rows(out: string): readonly (readonly string[])[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))
}

describe('commands that ask a running gateway', () => {
  let admin: Awaited<ReturnType<typeof startAdminUnderTest>>
  let target: TestInstance
  let at: string
  before(async () => {
    target = await startInstance('hello')
    admin = await startAdminUnderTest(routes, { tasks: { view: () => tasks, desk: idleDesk } })
    at = `127.0.0.1:${admin.port}`
    admin.registry.list('hello', [
      instance('hello', target.port, { id: 'good' }),
      instance('hello', target.port, { id: 'ill', status: 'critical' }),
    ])
    await until('the first probe has passed', () => admin.plane.upstreams.find('hello')?.upstream.members.eligible.length === 1)
  })
  after(async () => {
    await admin.close()
    await target.kill()
  })

  it('tell with --history when each instance began and ceased to get traffic', async () => {
    const { code, out } = await meshgate('upstreams', '--admin', at, '--history')
    assert.equal(code, 0)
    const [header, ...told] = rows(out)
    assert.deepEqual(header, ['AT', 'UPSTREAM', 'INSTANCE', 'ADDRESS', 'BECAME', 'REASON'])
    const changes = told.map(([, upstream, id, address, became]) => [upstream, id, address, became])
    assert.deepEqual(changes[0], ['hello', 'good', `127.0.0.1:${target.port}`, 'eligible'])
    assert.ok(told.some(([, , id, , became]) => id === 'ill' && became === 'registry_critical'))
    assert.ok(told.every(([when = '']) => !Number.isNaN(Date.parse(when))))
  })

  it('print one JSON document with --json: what the admin API says', async () => {
    for (const name of ['ready', 'routes', 'upstreams', 'tasks']) {
      const { code, out, err } = await meshgate(name, '--admin', at, '--json')
      assert.deepEqual([name, code, err], [name, 0, ''])
      const told = (await (await fetch(`${admin.url}/${name === 'ready' ? 'readyz' : name}`)).json()) as object
      assert.deepEqual(Object.keys(JSON.parse(out) as object), Object.keys(told))
      assert.ok(out.endsWith('\n') && out.trimEnd().split('\n').length === 1)
    }
  })

  it('routes: one line per route with what it takes and where it goes', async () => {
    const { code, out } = await meshgate('routes', '--admin', at)
    assert.equal(code, 0)
    assert.deepEqual(rows(out), [
      ['ROUTE', 'HOST', 'PATH', 'FURTHER', 'TO'],
      ['/hello/*', '*', '/hello/*', '-', 'hello'],
      ['split', 'shop.example.com', '/x', 'methods=["GET"]', 'hello (3), silent (1)'],
    ])
  })

  it('upstreams: one line per instance with its state and the reason', async () => {
    const { code, out } = await meshgate('upstreams', '--admin', at)
    assert.equal(code, 0)
    const [header, good, ill, silent] = rows(out)
    assert.deepEqual(header?.slice(0, 6), ['UPSTREAM', 'INSTANCE', 'ADDRESS', 'TRAFFIC', 'REGISTRY', 'PROBE'])
    assert.deepEqual(good?.slice(0, 6), ['hello', 'good', `127.0.0.1:${target.port}`, 'yes', 'passing', 'healthy'])
    assert.deepEqual(ill?.slice(3, 5), ['no: registry_critical', 'critical'])
    assert.deepEqual([silent?.[0], silent?.at(-1)], ['silent', 'not looked up yet'])
  })

  it('upstreams: a line more for an upstream that refuses requests, with the words that clients get', async () => {
    const { gate } = admin.plane.upstreams.find('hello')?.upstream ?? assert.fail()
    const on = { connect: true, reset: true, timeout: true, statuses: [] }
    gate.setPolicy({
      breaker: { failureRatio: 0.5, minRequests: 1, windowMs: 10_000, openMs: 60_000, trials: 1, on },
      concurrency: null,
    })
    const failure = { code: 'upstream_reset', detail: '' } as const
    gate.breaker?.settle(gate.breaker.term, { attempts: 1, endpoint: null, failure, status: 0 }, performance.now())
    const { out } = await meshgate('upstreams', '--admin', at)
    gate.setPolicy({ breaker: null, concurrency: null })
    const refusing = rows(out).find(([name, id]) => name === 'hello' && id === '-')
    assert.match(refusing?.at(-1) ?? '', /^circuit_open: open for another .*: 1 of 1 requests failed within 10s$/)
  })

  const loadOfHello = async () => {
    const { code, out } = await meshgate('upstreams', '--load', '--admin', at)
    assert.equal(code, 0)
    const [header, hello] = rows(out)
    assert.deepEqual(header, ['UPSTREAM', 'BALANCE', 'ELIGIBLE', 'UNDER WAY', 'WAITING', 'BREAKER', 'RETRIES LEFT'])
    return hello
  }

  it('upstreams --load: what each upstream has under way and waiting, its breaker and the retries left', async () => {
    const { upstream } = admin.plane.upstreams.find('hello') ?? assert.fail()
    const { gate, budget } = upstream
    // Ten are granted to whom nobody asks.
    assert.deepEqual(await loadOfHello(), ['hello', 'round-robin', '1 of 2', '0', '-', '-', '10'])
    admin.plane.setFile(
      `upstreams: { hello: { breaker: { minRequests: 5, window: 1m, open: 1m }, concurrency: { requests: 1, queue: 7 } } }\n${routes}`,
    )
    const failure = { code: 'upstream_reset', detail: '' } as const
    gate.breaker?.settle(gate.breaker.term, { attempts: 1, endpoint: null, failure, status: 0 }, performance.now())
    for (let i = 0; i < 3; i++) gate.concurrency?.enter({ picker: upstream, onTurn: () => {} })
    for (let i = 0; i < 200; i++) budget.earn(0.2)
    assert.deepEqual(await loadOfHello(), ['hello', 'round-robin', '1 of 2', '1 of 1', '2 of 7', 'closed, 1 of 1 failed', '40'])
    for (let i = 0; i < 4; i++)
      gate.breaker?.settle(gate.breaker.term, { attempts: 1, endpoint: null, failure, status: 0 }, performance.now())
    assert.match((await loadOfHello())?.[5] ?? '', /^open for (1m|\d+(\.\d)?s), 5 of 5 failed$/)
    admin.plane.setFile(routes)
  })

  it('tables are aligned: each column begins at one place', async () => {
    const { out } = await meshgate('upstreams', '--admin', at)
    const [header = '', ...lines] = out.trimEnd().split('\n')
    const column = header.indexOf('TRAFFIC')
    for (const line of lines) assert.match(line.slice(column - 2), /^ {2}(yes|no)/)
  })

  it('tasks: the leader, then one line per task', async () => {
    const { code, out } = await meshgate('tasks', '--admin', at)
    assert.equal(code, 0)
    assert.deepEqual(rows(out), [
      ['leader: gw-1 (this gateway), term 7'],
      ['TASK', 'CRON', 'ZONE', 'NEXT', 'LAST', 'BY', 'OUTCOME'],
      ['nightly', '0 3 * * *', 'UTC', '2026-01-02T03:00:00.000Z', '2026-01-01T03:00:00.000Z', 'gw-1', 'ok: HTTP 200'],
      ['new', '* * * * *', 'UTC', '-', '-', '-', '-'],
    ])
  })

  it('ready: 0 while it is ready, 1 with the reasons when it is not', async () => {
    assert.deepEqual(await meshgate('ready', '--admin', at), {
      code: 0,
      out: `ready (config ${admin.plane.reconciler.generation})\n`,
      err: '',
    })
    admin.readiness.startDraining()
    assert.deepEqual(await meshgate('ready', '--admin', at), {
      code: 1,
      out: 'not ready: the gateway is shutting down\n',
      err: '',
    })
    const { code, out } = await meshgate('ready', '--admin', at, '--json')
    assert.deepEqual([code, (JSON.parse(out) as { ready: boolean }).ready], [1, false])
  })

  it('end with exit code 1 and a hint when nobody answers', async () => {
    const [port = 0] = await freePorts(1)
    for (const name of ['ready', 'routes', 'upstreams', 'tasks']) {
      const { code, out, err } = await meshgate(name, '--admin', `127.0.0.1:${port}`)
      assert.deepEqual([name, code, out], [name, 1, ''])
      assert.match(
        err,
        new RegExp(
          `127\\.0\\.0\\.1:${port}: .*ECONNREFUSED.*is the gateway running, and is this its admin\\.bind\\? \\(--admin HOST:PORT\\)`,
        ),
      )
    }
  })

  it('end with exit code 1 when something else answers there', async () => {
    const others = [
      await startInstance('not json'),
      await startInstance('other', (_, response) => response.end('{"hello": "world"}')),
      await startInstance('null', (_, response) => response.end('null')),
    ]
    for (const { port } of others) {
      for (const name of ['ready', 'routes', 'upstreams', 'tasks']) {
        const { code, out, err } = await meshgate(name, '--admin', `127.0.0.1:${port}`)
        assert.deepEqual([name, code, out], [name, 1, ''], err)
        assert.match(err, /is this its admin\.bind\?/)
      }
    }
    for (const other of others) await other.kill()
  })

  it('pass on why the admin API refuses', async () => {
    const refusing = await startInstance('x', (_, response) =>
      response.writeHead(403).end('{"error": {"code": "bad_host", "message": "call it by IP address"}}'),
    )
    const { code, err } = await meshgate('routes', '--admin', `127.0.0.1:${refusing.port}`)
    await refusing.kill()
    assert.equal(code, 1)
    assert.match(err, /call it by IP address/)
  })

  it('say that the registry is away, not the gateway, when the gateway says so', async () => {
    const answer = '{"error": {"code": "registry_unavailable", "message": "nobody listens at 127.0.0.1:8500"}}'
    const cutOff = await startInstance('x', (_, response) => response.writeHead(503).end(answer))
    const { code, err } = await meshgate('history', '--admin', `127.0.0.1:${cutOff.port}`)
    await cutOff.kill()
    assert.equal(code, 1)
    assert.match(err, /nobody listens at 127\.0\.0\.1:8500/)
    assert.doesNotMatch(err, /admin\.bind/)
  })

  it('end their process as soon as they have printed', async () => {
    const since = performance.now()
    const { code, output } = await runMeshgate(['routes', '--admin', at])
    assert.equal(code, 0)
    assert.match(output, /^ROUTE /)
    assert.ok(performance.now() - since < 3_500, 'it waits for no connection to time out')
  })
})
