import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { GraphView } from '../../src/admin/graph-view.ts'
import { startAdminUnderTest } from '../admin/subject.ts'
import { meshgate } from './captured.ts'

describe('meshgate graph', () => {
  let admin: Awaited<ReturnType<typeof startAdminUnderTest>>
  let at: string
  before(async () => {
    admin = await startAdminUnderTest('')
    at = `127.0.0.1:${admin.port}`
  })
  after(() => admin.close())

  it('tells who calls whom, as a table and as JSON', async () => {
    assert.deepEqual(await meshgate('graph', '--admin', at), {
      code: 0,
      out: 'nobody has called a service by name yet\n',
      err: '',
    })
    for (let i = 0; i < 3; i++) admin.edges.count('web', 'orders', { outcome: i === 0 ? 'failed' : 'ok', durationMs: 2_000 })
    admin.edges.count(null, '*', { outcome: 'denied', durationMs: 0 })
    const { code, out } = await meshgate('graph', '--admin', at)
    assert.equal(code, 0)
    assert.deepEqual(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ +/)),
      [
        ['FROM', 'TO', 'REQUESTS', 'FAILED', 'DENIED', 'P50', 'P99'],
        ['web', 'orders', '3', '1', '0', '1.8s', '2.5s'],
        ['unknown', '*', '1', '0', '1', '-', '-'],
      ],
    )
    const { edges } = JSON.parse((await meshgate('graph', '--admin', at, '--json')).out) as GraphView
    assert.deepEqual(
      edges.map(({ from, requests }) => [from, requests]),
      [
        ['web', 3],
        ['unknown', 1],
      ],
    )
  })
})
