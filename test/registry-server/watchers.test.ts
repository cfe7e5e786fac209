import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../src/logging.ts'
import { Access } from '../../src/registry-server/access.ts'
import { Agent } from '../../src/registry-server/agent.ts'
import { AnswerCache } from '../../src/registry-server/api/answer-cache.ts'
import type { Answer } from '../../src/registry-server/api/answer.ts'
import type { ApiRequest } from '../../src/registry-server/api/api-request.ts'
import { BlockedQueries } from '../../src/registry-server/api/blocking.ts'
import type { Registry } from '../../src/registry-server/api/registry.ts'
import { matchRoute } from '../../src/registry-server/api/router.ts'
import { Expiry } from '../../src/registry-server/expiry.ts'
import { registerOwnNode } from '../../src/registry-server/own-node.ts'
import { LogFeed } from '../../src/registry-server/log-feed.ts'
import { Store } from '../../src/registry-server/store/store.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const watchers = 5_000
const random = (): number => 0
const doNothing = (): void => {}

/** A registry without sockets, with counters of who is woken and who is answered. */
class CountedRegistry {
  readonly registry: Registry
  readonly clock = new ManualClock()
  woken = 0
  readonly answered: string[] = []

  constructor() {
    const { clock } = this
    const store = new Store({ clock, logger: silentLogger, journal: null })
    const listen = store.watches.listen.bind(store.watches)
    store.watches.listen = (topics, wake) =>
      listen(topics, () => {
        this.woken++
        wake()
      })
    const agent = new Agent({
      store,
      clock,
      random,
      logger: silentLogger,
      node: 'n1',
      address: '127.0.0.1',
      enableScripts: false,
    })
    this.registry = {
      store,
      agent,
      expiry: new Expiry({ store, agent, clock, logger: silentLogger }),
      blocked: new BlockedQueries({ store, clock, random }),
      access: new Access({ token: null, readToken: null }),
      answers: new AnswerCache(),
      logs: new LogFeed(silentLogger),
      datacenter: 'dc1',
      clock,
      random,
    }
  }

  async ask(method: 'GET' | 'PUT', target: string, body = ''): Promise<Answer> {
    const [path = '', search = ''] = target.split('?')
    const match = matchRoute(path)
    const handler = match?.route[method]
    if (!match || !handler) throw new Error(`no route for ${method} ${target}`)
    const request: ApiRequest = {
      method,
      path,
      rest: match.rest,
      query: new URLSearchParams(search),
      header: () => undefined,
      body: Buffer.from(body),
      isPretty: false,
      onGone: () => doNothing,
    }
    return handler(this.registry, request)
  }

  /** Begins to watch; {@link answered} tells when it was answered. */
  async watch(target: string): Promise<void> {
    const { headers } = await this.ask('GET', target)
    const index = headers[headers.indexOf('X-Consul-Index') + 1]
    const held = this.ask('GET', `${target}${target.includes('?') ? '&' : '?'}index=${index}&wait=5m`)
    void held.then(() => this.answered.push(target))
    await Promise.resolve()
  }

  /** What a change wakes, and whom it answers. */
  async during(change: () => Promise<unknown>): Promise<{ woken: number; answered: readonly string[] }> {
    this.woken = 0
    this.answered.length = 0
    await change()
    await settle()
    return { woken: this.woken, answered: [...this.answered] }
  }

  async close(): Promise<void> {
    this.registry.agent.close()
    this.registry.expiry.close()
    this.registry.blocked.close()
    this.registry.store.close()
    await settle()
    assert.equal(this.clock.pending, 0, 'timers are armed after the end')
  }
}

async function filled(): Promise<CountedRegistry> {
  const counted = new CountedRegistry()
  await registerOwnNode(counted.registry.store, 'n1', '127.0.0.1')
  const services = Array.from({ length: 50 }, (_, n) => `s${n}`)
  await Promise.all(
    services.map((name) =>
      counted.ask('PUT', '/v1/agent/service/register', JSON.stringify({ Name: name, Port: 1, Check: { TTL: '1h' } })),
    ),
  )
  for (let n = 0; n < watchers / 50; n++) {
    await counted.ask('PUT', `/v1/kv/app-${n}/a`, 'x')
    await counted.watch(`/v1/kv/app-${n}/a`)
    await counted.watch(`/v1/kv/app-${n}/?recurse`)
    await counted.watch(`/v1/kv/absent-${n}/?keys`)
    for (const name of services.slice(0, 47)) await counted.watch(`/v1/health/service/${name}?passing`)
  }
  return counted
}

test(`of ${watchers} watchers a change wakes only those that it concerns`, async (context) => {
  const counted = await filled()
  context.after(() => counted.close())
  assert.equal(counted.registry.blocked.size, watchers)
  const ask = counted.ask.bind(counted)

  const key = await counted.during(() => ask('PUT', '/v1/kv/app-7/a', 'new'))
  assert.deepEqual([key.woken, key.answered], [2, ['/v1/kv/app-7/a', '/v1/kv/app-7/?recurse']])

  const same = await counted.during(() => ask('PUT', '/v1/kv/app-8/a', 'x'))
  assert.deepEqual(same, { woken: 0, answered: [] })

  const other = await counted.during(() => ask('PUT', '/v1/kv/nobody/looks', 'x'))
  assert.deepEqual(other, { woken: 0, answered: [] })

  const status = await counted.during(() => ask('PUT', '/v1/agent/check/pass/service:s3'))
  assert.equal(status.woken, watchers / 50)
  assert.deepEqual(new Set(status.answered), new Set(['/v1/health/service/s3?passing']))

  const output = await counted.during(() => ask('PUT', '/v1/agent/check/pass/service:s3?note=other'))
  assert.deepEqual(output, { woken: 0, answered: [] })

  const unwatched = await counted.during(() => ask('PUT', '/v1/agent/check/pass/service:s48'))
  assert.deepEqual(unwatched, { woken: 0, answered: [] })

  const session = await counted.during(() => ask('PUT', '/v1/session/create'))
  assert.deepEqual(session, { woken: 0, answered: [] })
})

test('time that passes wakes nobody before their wait is over, and then each once', async () => {
  const counted = await filled()
  const idle = await counted.during(() => counted.clock.advance(299_000))
  assert.deepEqual(idle, { woken: 0, answered: [] })
  const over = await counted.during(() => counted.clock.advance(1_000))
  assert.equal(over.answered.length, watchers)
  assert.equal(counted.registry.blocked.size, 0)
  await counted.close()
})

test('a watcher that leaves is forgotten', async (context) => {
  const counted = new CountedRegistry()
  context.after(() => counted.close())
  let leave = doNothing
  const { registry } = counted
  const match = matchRoute('/v1/kv/a')
  void match?.route.GET?.(registry, {
    method: 'GET',
    path: '/v1/kv/a',
    rest: 'a',
    query: new URLSearchParams('index=1&wait=5m'),
    header: () => undefined,
    body: Buffer.alloc(0),
    isPretty: false,
    onGone: (run) => {
      leave = run
      return doNothing
    },
  })
  assert.equal(registry.blocked.size, 1)
  leave()
  assert.equal(registry.blocked.size, 0)
  const after = await counted.during(() => counted.ask('PUT', '/v1/kv/a', 'x'))
  assert.equal(after.woken, 0)
})
