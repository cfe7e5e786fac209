import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { builtIn } from '../../src/config/built-in.ts'
import { InstanceHistory } from '../../src/discovery/instance-history.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import { deps } from '../support/balancing.ts'
import { upstreamPolicy } from '../support/upstream-policy.ts'

const on = { connect: true, reset: true, timeout: true, statuses: [] }
const outlier = { ...builtIn.outlier, consecutive: 1, ejectMs: 30_000, maxEjectedRatio: 1, on }

function start() {
  const { clock, random } = deps(1)
  const upstream = new Upstream('shop', upstreamPolicy({ outlier }), { clock, random })
  const history = new InstanceHistory(clock)
  let reason = 'HTTP 200'
  upstream.onMembers = ({ all }) => history.follow(all, () => reason)
  const list = (exclusion: 'probe_failing' | null, why: string): void => {
    reason = why
    upstream.setMembers([{ id: 'one', address: { host: '127.0.0.1', port: 1 }, weight: 1, exclusion }])
  }
  return {
    clock,
    upstream,
    history,
    list,
    told: () => history.of('one', '127.0.0.1:1').map(({ to, reason: why }) => `${to}: ${why}`),
  }
}

describe('the history of an instance', () => {
  it('tells each change with its time and its reason, the latest first, and no repetition', async () => {
    const { clock, history, list, told } = start()
    list(null, 'HTTP 200')
    await clock.advance(1_000)
    list(null, 'HTTP 204')
    list('probe_failing', 'HTTP 500')
    await clock.advance(1_000)
    list(null, 'HTTP 200')
    assert.deepEqual(told(), ['eligible: HTTP 200', 'probe_failing: HTTP 500', 'eligible: HTTP 200'])
    assert.deepEqual(
      history.of('one', '127.0.0.1:1').map(({ at }) => at),
      ['2026-01-01T00:00:02.000Z', '2026-01-01T00:00:01.000Z', '2026-01-01T00:00:00.000Z'],
    )
  })

  it('has the ejections and their ends, which only time brings', async () => {
    const { clock, upstream, list, told } = start()
    list(null, 'good')
    const [member] = upstream.members.all
    assert.ok(member)
    upstream.noteFailure(member.endpoint, { code: 'upstream_reset', detail: '' })
    await clock.advance(31_000)
    assert.deepEqual(told(), ['eligible: good', 'ejected: good', 'eligible: good'])
  })

  it('is bounded, and gone with its instance', () => {
    const { upstream, list, told } = start()
    for (let i = 0; i < 50; i++) list(i % 2 === 0 ? null : 'probe_failing', `${i}`)
    assert.equal(told().length, 10)
    assert.equal(told()[0], 'probe_failing: 49')
    upstream.setMembers([])
    assert.deepEqual(told(), [])
  })
})
