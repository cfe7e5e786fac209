import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Quota } from '../../src/dataplane/filters/filter.ts'
import type { Snapshot } from '../../src/dataplane/snapshot.ts'
import type { AskedMessage, Counted, PartsMessage } from '../../src/workers/messages.ts'
import { SpreadQuotas } from '../../src/workers/spread-quotas.ts'
import { WorkerQuotas } from '../../src/workers/worker-quotas.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

/** A limit that counts what a test says, and keeps its part. */
function limit(): Quota & { asked: number; ratio: number } {
  return {
    perSecond: 100,
    keys: null,
    asked: 0,
    ratio: 1,
    takeAsked() {
      const taken = this.asked
      this.asked = 0
      return taken
    },
    setPart(ratio) {
      this.ratio = ratio
    },
  }
}

/** The same with a key. */
function keyedLimit(): Quota & { secrets: (readonly number[])[] } {
  const secrets: (readonly number[])[] = []
  const keys = {
    take: () => new Uint32Array(0),
    add: () => {},
    setSecret: (secret: readonly number[]) => void secrets.push(secret),
  }
  return { ...limit(), keys, secrets }
}

/** A config with two routes, of which the second has its limit behind another filter. */
function snapshotOf(generation: number, [first, second]: readonly [Quota, Quota]): Snapshot {
  const routes = [
    { name: 'shop', filters: { all: [{ quota: first }] } },
    { name: 'blog', filters: { all: [{}, { quota: second }] } },
  ]
  return { generation, routes } as unknown as Snapshot
}

async function startTwoWorkers() {
  const clock = new ManualClock()
  const workers: { limits: readonly [ReturnType<typeof limit>, ReturnType<typeof limit>]; quotas: WorkerQuotas }[] = []
  const told: AskedMessage[] = []
  const sent: PartsMessage[] = []
  const counted: Counted[] = []
  const spread = new SpreadQuotas((message) => {
    if (message.kind === 'counted') {
      counted.push(message.counted)
      return
    }
    sent.push(message)
    for (const { quotas } of workers) quotas.setParts(message)
  })
  const hear = (message: AskedMessage): void => {
    told.push(message)
    spread.note(message)
  }
  for (let worker = 0; worker < 2; worker++) {
    const limits = [limit(), limit()] as const
    const quotas = new WorkerQuotas(clock, hear)
    quotas.follow(snapshotOf(1, limits))
    workers.push({ limits, quotas })
  }
  const primary = [limit(), limit()] as const
  const seen = spread.follow(snapshotOf(1, primary))
  await settle()
  return { clock, workers, told, sent, counted, spread, primary, seen }
}

describe('a limit of the cluster in a gateway with workers', () => {
  it('is asked for what all of them are asked for', async () => {
    const { clock, workers, seen } = await startTwoWorkers()
    for (const [at, { limits }] of workers.entries()) limits[1].asked = 10 + at
    await clock.advance(250)
    assert.deepEqual(
      seen.map(({ route, at, part }) => [route, at, part.takeAsked(), part.takeAsked()]),
      [
        ['shop', 0, 0, 0],
        ['blog', 1, 21, 0],
      ],
    )
  })

  it('has the same part in each of them, told at once for all limits that change together', async () => {
    const { workers, seen, sent } = await startTwoWorkers()
    const before = sent.length
    seen[0]?.part.setPart(0.5)
    seen[1]?.part.setPart(0.25)
    await settle()
    assert.equal(sent.length, before + 1)
    for (const { limits } of workers) assert.deepEqual([limits[0].ratio, limits[1].ratio], [0.5, 0.25])
  })

  it('is not mistaken for another one while a worker serves by another config', async () => {
    const { clock, workers, spread, primary, seen } = await startTwoWorkers()
    const [first, second] = workers
    const again = spread.follow(snapshotOf(2, primary))
    assert.equal(again[0]?.part, seen[0]?.part, 'a limit that stays is the same one')
    if (first) first.quotas.follow(snapshotOf(2, first.limits))
    again[0]?.part.setPart(0.5)
    if (first && second) [first.limits[0].asked, second.limits[0].asked] = [3, 4]
    await settle()
    await clock.advance(250)
    assert.equal(again[0]?.part.takeAsked(), 3)
    assert.deepEqual([first?.limits[0].ratio, second?.limits[0].ratio], [0.5, 1])
    // What a worker is told that starts now.
    assert.deepEqual(spread.message.parts[0], { route: 'shop', at: 0, ratio: 0.5, secret: null })
  })

  it('with a key has its secret told to all, and tells to and fro what was let through', async () => {
    const { clock, counted, workers, spread } = await startTwoWorkers()
    const [own, at] = [keyedLimit(), keyedLimit()]
    const quotas = new WorkerQuotas(clock, () => {})
    quotas.follow(snapshotOf(1, [at, limit()]))
    const [seen] = spread.follow(snapshotOf(1, [own, limit()]))
    assert.ok(seen?.part.keys)
    seen.part.keys.setSecret([0.25, 0.5])
    await settle()
    quotas.setParts(spread.message)
    assert.deepEqual(at.secrets, [[0.25, 0.5]])
    workers[0]?.quotas.setParts(spread.message)
    spread.noteCounted({ generation: 1, counts: [{ route: 'shop', at: 0, numbers: Uint32Array.of(1, 2, 3) }] })
    spread.noteCounted({ generation: 1, counts: [{ route: 'shop', at: 0, numbers: Uint32Array.of(1, 2, 4) }] })
    spread.noteCounted({ generation: 0, counts: [{ route: 'shop', at: 0, numbers: Uint32Array.of(9, 9, 9) }] })
    assert.deepEqual([...seen.part.keys.take()], [1, 2, 3, 1, 2, 4])
    assert.equal(seen.part.keys.take().length, 0)
    seen.part.keys.add(Uint32Array.of(5, 6, 7))
    assert.deepEqual(counted, [{ generation: 1, counts: [{ route: 'shop', at: 0, numbers: Uint32Array.of(5, 6, 7) }] }])
  })

  it('is nothing to talk of when nothing was asked', async () => {
    const { clock, told } = await startTwoWorkers()
    await clock.advance(2_000)
    assert.equal(told.length, 0)
  })
})
