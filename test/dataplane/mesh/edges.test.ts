import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { graphView } from '../../../src/admin/graph-view.ts'
import { quantileMs } from '../../../src/dataplane/duration-buckets.ts'
import { Edges, MOST_EDGES } from '../../../src/dataplane/mesh/edges.ts'

const ok = (durationMs: number) => ({ outcome: 'ok', durationMs }) as const

describe('edges', () => {
  it('are told with requests, failures and latencies, the busiest first', () => {
    const edges = new Edges()
    for (let i = 0; i < 98; i++) edges.count('web', 'orders', ok(3))
    edges.count('web', 'orders', { outcome: 'failed', durationMs: 700 })
    edges.count('web', 'orders', { outcome: 'failed', durationMs: 700 })
    edges.count(null, 'orders', { outcome: 'denied', durationMs: 0 })
    const { edges: told } = graphView(edges.metricSources())
    const [busiest, denied] = told
    assert.deepEqual(
      { ...busiest, p50Ms: null, p99Ms: null },
      { from: 'web', to: 'orders', requests: 100, failures: 2, denied: 0, p50Ms: null, p99Ms: null },
    )
    assert.ok((busiest?.p50Ms ?? 0) > 2.5 && (busiest?.p50Ms ?? 0) <= 5, `${busiest?.p50Ms}`)
    assert.ok((busiest?.p99Ms ?? 0) > 500 && (busiest?.p99Ms ?? 0) <= 1_000, `${busiest?.p99Ms}`)
    assert.deepEqual(denied, { from: 'unknown', to: 'orders', requests: 1, failures: 0, denied: 1, p50Ms: null, p99Ms: null })
  })

  it('count tunnels, but not how long they are open', () => {
    const edges = new Edges()
    edges.count('web', 'chat', { outcome: 'ok', durationMs: null })
    const expected = { from: 'web', to: 'chat', requests: 1, failures: 0, denied: 0, p50Ms: null, p99Ms: null }
    assert.deepEqual(graphView(edges.metricSources()).edges, [expected])
  })

  it('are bounded: what comes beyond is counted together, and nothing is lost', () => {
    const edges = new Edges()
    const calls = MOST_EDGES * 2
    for (let i = 0; i < calls; i++) edges.count(`from-${i % 40}`, `to-${i}`, ok(1))
    const { edges: told } = graphView(edges.metricSources())
    assert.equal(told.length, MOST_EDGES + 1)
    assert.equal(
      told.reduce((sum, { requests }) => sum + requests, 0),
      calls,
    )
    assert.deepEqual([told[0]?.from, told[0]?.to, told[0]?.requests], ['other', 'other', calls - MOST_EDGES])
  })
})

describe('a quantile', () => {
  it('is estimated inside its bucket, and is the last bound beyond it', () => {
    assert.equal(quantileMs([0, 0, 0], 0.5), null)
    assert.equal(quantileMs([0, 10, 10], 0.5), 1 + 1.5 * 0.5)
    assert.equal(quantileMs([10, 10, 10], 0.99), 0.99)
    const beyond = Array.from({ length: 15 }, (_, at) => (at === 14 ? 1 : 0))
    assert.equal(quantileMs(beyond, 0.5), 30_000)
  })
})
