import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { builtIn } from '../../../src/config/built-in.ts'
import { planTrial, staging } from '../../../src/controlplane/trials/staging.ts'
import type { FleetView } from '../../../src/controlplane/revisions/revision-report.ts'

function replica(name: string, isThere = true): FleetView['replicas'][number] {
  return { replica: name, number: 1, wanted: null, running: null, problem: null, isThere, trying: null }
}

function chosen(share: string, replicas: FleetView['replicas']): readonly string[] {
  return planTrial(null, staging.parse({ share }), { replicas }).replicas
}

describe('a trial that is asked for', () => {
  it('lasts by default longer than an upstream has for its answer, so that one that hangs is seen', () => {
    const { watchMs, deadlineMs } = staging.parse({})
    assert.ok(watchMs >= builtIn.upstream.timeouts.responseMs + 2_000, `${watchMs}`)
    assert.ok(deadlineMs >= 2 * watchMs)
  })

  it('may have every time that the deadline can follow', () => {
    for (const watchMs of [1_000, 60_000, 86_400_000]) {
      const { deadlineMs } = staging.parse({ watchMs })
      assert.equal(staging.parse({ watchMs, deadlineMs }).deadlineMs, deadlineMs)
    }
    assert.equal(staging.safeParse({ watchMs: 5_000, deadlineMs: 5_000 }).success, false)
  })

  it('is for the first by name that run what is in force: one at the least, and never all if there are several', () => {
    const five = ['a', 'b', 'c', 'd', 'e'].map((name) => replica(name))
    assert.deepEqual(chosen('1', five), ['a'])
    assert.deepEqual(chosen('20%', five), ['a'])
    assert.deepEqual(chosen('21%', five), ['a', 'b'])
    assert.deepEqual(chosen('100%', five), ['a', 'b', 'c', 'd'])
    assert.deepEqual(chosen('50', five), ['a', 'b', 'c', 'd'])
    assert.deepEqual(chosen('2', [replica('a', false), replica('b'), replica('c')]), ['b'])
    assert.deepEqual(chosen('1', [replica('a')]), ['a'])
    assert.throws(() => chosen('1', [replica('a', false)]), /no living replica runs what is in force/)
  })
})
