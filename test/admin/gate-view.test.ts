import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { UpstreamView } from '../../src/admin/upstreams-view.ts'
import { startAdminUnderTest } from './subject.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function start(policy: string) {
  const admin = await startAdminUnderTest(`upstreams: { app: { instances: ["127.0.0.1:1"], ${policy} } }\nroutes: [/* -> app]`)
  cleanups.push(() => admin.close())
  const [row] = admin.plane.upstreams.rows
  const view = async () => {
    const views = (await (await fetch(`${admin.url}/upstreams`)).json()) as UpstreamView[]
    return views[0] ?? assert.fail('no upstream')
  }
  const metrics = async () =>
    (await (await fetch(`${admin.url}/metrics`)).text()).split('\n').filter((line) => line.includes('app'))
  return { upstream: row?.upstream ?? assert.fail('no upstream'), view, metrics, log: admin.plane.log }
}

describe('the gate of an upstream', () => {
  it('is told: the state of the breaker, and why requests are refused, in the same words as to clients', async () => {
    const { upstream, view, metrics } = await start('breaker: { minRequests: 2, open: 1m }')
    const { breaker } = upstream.gate
    assert.ok(breaker)
    assert.deepEqual((await view()).breaker, { state: 'closed', requests: 0, failed: 0, retryInMs: 0, opened: 0 })
    const failure = { code: 'upstream_reset', detail: '' } as const
    // The time of the process: whatever it is, both are within a window.
    const now = performance.now()
    for (let i = 0; i < 2; i++) breaker.settle(breaker.term, { attempts: 1, endpoint: null, failure, status: 0 }, now)
    const { breaker: told, unavailable } = await view()
    assert.deepEqual([told?.state, told?.requests, told?.failed, told?.opened], ['open', 2, 2, 1])
    assert.ok((told?.retryInMs ?? 0) > 50_000)
    assert.equal(unavailable?.code, 'circuit_open')
    assert.match(unavailable?.reason ?? '', /^open for another (\d+(\.\d)?s|1m): 2 of 2 requests failed within 10s$/)
    const lines = await metrics()
    assert.ok(lines.includes('meshgate_upstream_breaker_state{upstream="app",state="open"} 1'))
    assert.ok(lines.includes('meshgate_upstream_breaker_state{upstream="app",state="closed"} 0'))
  })

  it('is told: how many are in and how many wait', async () => {
    const { upstream, view, metrics } = await start('concurrency: { requests: 1, queue: 7, queueTimeout: 2s }')
    const { concurrency } = upstream.gate
    assert.ok(concurrency)
    for (let i = 0; i < 3; i++) concurrency.enter({ picker: upstream, onTurn: () => {} })
    const expected = { active: 1, waiting: 2, requests: 1, perInstance: 0, queue: 7, queueTimeoutMs: 2_000 }
    assert.deepEqual((await view()).concurrency, expected)
    const lines = await metrics()
    assert.ok(lines.includes('meshgate_upstream_requests{upstream="app",state="active"} 1'))
    assert.ok(lines.includes('meshgate_upstream_requests{upstream="app",state="waiting"} 2'))
  })

  it('is not told of an upstream that has none', async () => {
    const { view, metrics } = await start('balance: random')
    const { breaker, concurrency } = await view()
    assert.deepEqual([breaker, concurrency], [null, null])
    assert.deepEqual(
      (await metrics()).filter((line) => /breaker|refused|upstream_requests/.test(line)),
      [],
    )
  })
})
