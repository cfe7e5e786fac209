import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { proxyErrorOf, proxyStatus } from '../../src/dataplane/proxy-status.ts'
import type { Exclusion } from '../../src/dataplane/upstream/members.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import type { TestDataPlane } from '../support/data-plane.ts'
import { dataPlaneFixture, errorCodeOf } from '../support/data-plane-fixture.ts'
import { freePorts } from '../support/meshgate-process.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { upstreamPolicy } from '../support/upstream-policy.ts'

const { dataPlane, client } = dataPlaneFixture()

const failing = { exclusion: 'probe_failing', detail: '/healthz (no answer in 1s)' } as const

function list(plane: TestDataPlane, ...members: readonly { exclusion: Exclusion; detail?: string }[]): void {
  plane.upstreams
    .get('app')
    ?.setMembers(
      members.map((member, at) => ({ id: `i${at}`, address: { host: '127.0.0.1', port: at + 1 }, weight: 1, ...member })),
    )
}

describe('the reason why nobody can be asked', () => {
  it('counts the instances by what keeps them out, and is the same in the reply, the log and the upstream', async () => {
    const plane = await dataPlane({ upstreams: { app: [] }, proxyStatus: 'reason' })
    list(plane, failing, failing, { exclusion: 'maintenance' }, { exclusion: 'registry_critical' })
    const answer = await request(plane.url)
    const reason = '4 known: 2 failing /healthz (no answer in 1s), 1 in maintenance, 1 critical in the registry'
    assert.equal(answer.statusCode, 503)
    assert.equal(errorCodeOf(await answer.body.text()), 'no_healthy_instance')
    assert.equal(
      answer.headers['proxy-status'],
      `meshgate; error=destination_unavailable; details="no_healthy_instance; ${reason}"`,
    )
    assert.deepEqual(plane.upstreams.get('app')?.whyNone(), { code: 'no_healthy_instance', detail: reason })
    await until('it is logged', () => plane.access.length === 1)
    assert.deepEqual(
      [plane.access[0]?.code, plane.access[0]?.reason, plane.access[0]?.attempts],
      ['no_healthy_instance', reason, 0],
    )
  })

  it('does not tell instances apart by their addresses, and is not endless', async () => {
    const plane = await dataPlane({ upstreams: { app: [] } })
    list(
      plane,
      ...[1, 2].map((port) => ({ exclusion: 'probe_failing' as const, detail: `tcp (connect ECONNREFUSED 127.0.0.1:${port})` })),
    )
    assert.equal(plane.upstreams.get('app')?.whyNone().detail, '2 known: 2 failing tcp (connect ECONNREFUSED)')
    list(plane, ...Array.from({ length: 50 }, (_, at) => ({ exclusion: 'probe_failing' as const, detail: `/ (HTTP ${at})` })))
    assert.match(
      plane.upstreams.get('app')?.whyNone().detail ?? '',
      /^50 known: (1 failing \/ \(HTTP \d+\), ){7}1 failing [^,]+ and more$/,
    )
  })
})

describe('the reason of a large upstream', () => {
  it('is made once for all who ask within a second, and anew when its members change', async () => {
    const clock = new ManualClock()
    const upstream = new Upstream('app', upstreamPolicy({}), { clock, random: () => 0 })
    const setMembers = (detail: string): void => {
      const address = { host: '127.0.0.1', port: 1 }
      upstream.setMembers([{ id: 'i', address, weight: 1, exclusion: 'probe_failing', detail }])
    }
    setMembers('/ (HTTP 500)')
    const first = upstream.whyNone()
    assert.equal(first.detail, '1 known: 1 failing / (HTTP 500)')
    assert.equal(upstream.whyNone(), first)
    await clock.advance(1_000)
    assert.notEqual(upstream.whyNone(), first)
    assert.deepEqual(upstream.whyNone(), first)
    setMembers('/ (HTTP 502)')
    assert.equal(upstream.whyNone().detail, '1 known: 1 failing / (HTTP 502)')
    await upstream.close(0)
  })
})

describe('Proxy-Status', () => {
  it('is not sent unless the listener says so', async () => {
    const plane = await dataPlane({ upstreams: { app: [] } })
    const answer = await request(plane.url)
    assert.equal(answer.headers['proxy-status'], undefined)
    await answer.body.dump()
  })

  it('tells the kind of error and the code alone, or the instance and the reason too', async () => {
    const [dead = 0] = await freePorts(1)
    for (const [level, expected] of [
      ['code', /^meshgate; error=connection_refused; details="upstream_connect_failed"$/],
      [
        'reason',
        /^meshgate; error=connection_refused; next-hop="127\.0\.0\.1:\d+"; details="upstream_connect_failed; 127\.0\.0\.1:\d+: connect ECONNREFUSED.*"$/,
      ],
    ] as const) {
      const plane = await dataPlane({ upstreams: { app: [dead] }, proxyStatus: level })
      const answer = await request(plane.url)
      assert.match(String(answer.headers['proxy-status']), expected)
      await answer.body.dump()
    }
  })

  it('stands on refusals of the listener too', async () => {
    const plane = await dataPlane({ upstreams: { app: [] }, proxyStatus: 'code' })
    const raw = await client(plane.port)
    raw.send('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')
    assert.match(await raw.closed, /^HTTP\/1\.1 400 [^]*proxy-status: meshgate; error=http_request_error; details="bad_host"\r\n/)
  })

  it('stays a legal field whatever the reason says', () => {
    const value = proxyStatus({ code: 'upstream_reset', detail: 'a "b" \\ \r\nX: é' }, 'reason', null)
    assert.equal(value, String.raw`meshgate; error=connection_terminated; details="upstream_reset; a \"b\" \\ ??X: ?"`)
    const long = proxyStatus({ code: 'upstream_reset', detail: 'x'.repeat(10_000) }, 'reason', null) ?? ''
    assert.ok(long.length < 1_000, `${long.length} characters`)
  })

  it('knows only error types of RFC 9209', () => {
    const known =
      /^(destination_(not_found|unavailable)|connection_(refused|terminated|timeout|limit_reached)|http_(request_error|request_denied|response_timeout|protocol_error)|proxy_(internal_(response|error)|loop_detected))$/
    assert.deepEqual(
      Object.values(proxyErrorOf).filter((type) => !known.test(type)),
      [],
    )
  })
})
