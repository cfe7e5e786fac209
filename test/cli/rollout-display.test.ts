import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RolloutDisplay } from '../../src/cli/rollout-display.ts'
import type { FleetView, ReplicaRevision } from '../../src/controlplane/revisions/revision-report.ts'

const [old, next] = ['a'.repeat(64), 'b'.repeat(64)]
const move = { number: 2, kind: 'apply', revision: next, author: 'ann', reason: '', at: '2026-01-01T00:00:00.000Z' } as const

function replica(name: string, running: string, problem: string | null = null): ReplicaRevision {
  return {
    replica: name,
    number: running === next ? 2 : 1,
    wanted: next,
    running,
    problem,
    isThere: running === next,
    trying: null,
  }
}

function view(...replicas: readonly ReplicaRevision[]): FleetView {
  return { revision: next, number: 2, trial: null, isDamaged: false, moves: [move], replicas }
}

function displayed(options: { isTerminal: boolean; json: boolean }, views: readonly FleetView[]): readonly string[] {
  const written: string[] = []
  const io = { out: (text: string) => void written.push(text), err: assert.fail, env: {}, isTerminal: options.isTerminal }
  const display = new RolloutDisplay(io, options.json)
  for (const each of views) display.show(each)
  return written
}

describe('the progress of a rollout', () => {
  const views = [
    view(replica('r1', old), replica('r2', old)),
    view(replica('r1', next), replica('r2', old)),
    view(replica('r1', next), replica('r2', old)),
    view(replica('r1', next)),
  ]

  it('is a line per change in a pipe', () => {
    assert.deepEqual(displayed({ isTerminal: false, json: false }, views), [
      'move 2 (apply by ann): bbbbbbbbbbbb\n',
      '  r1: not there yet, runs aaaaaaaaaaaa\n',
      '  r2: not there yet, runs aaaaaaaaaaaa\n',
      '  r1: runs bbbbbbbbbbbb\n',
      '  r2: has ended\n',
    ])
  })

  it('is drawn anew on a terminal, over exactly the lines before, and only if something has changed', () => {
    const drawn = displayed({ isTerminal: true, json: false }, views)
    assert.equal(drawn.length, 3)
    assert.equal(
      drawn[0],
      'move 2 (apply by ann): bbbbbbbbbbbb\n[....................] 0 of 2\n  … r1: not there yet, runs aaaaaaaaaaaa\n  … r2: not there yet, runs aaaaaaaaaaaa\n',
    )
    assert.ok(drawn[1]?.startsWith('\u001b[4F\u001b[0Jmove 2'))
    assert.match(drawn[1] ?? '', /\[##########\.{10}\] 1 of 2\n {2}✔ r1: runs bbbbbbbbbbbb\n/)
    assert.ok(drawn[2]?.includes('[####################] 1 of 1\n'))
  })

  it('is one event per line as JSON, on a terminal too', () => {
    const events = displayed({ isTerminal: true, json: true }, views).map(
      (text) => JSON.parse(text) as { event: string; replica?: string },
    )
    assert.deepEqual(
      events.map((event) => [event.event, event.replica]),
      [
        ['move', undefined],
        ['replica', 'r1'],
        ['replica', 'r2'],
        ['replica', 'r1'],
        ['replica', 'r2'],
      ],
    )
  })

  it('says why a replica refuses', () => {
    const [, line] = displayed({ isTerminal: false, json: false }, [view(replica('r1', old, 'only 1 of its 3 pieces are there'))])
    assert.equal(line, '  r1: only 1 of its 3 pieces are there, runs aaaaaaaaaaaa\n')
  })
})
