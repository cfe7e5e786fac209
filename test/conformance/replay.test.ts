import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Player } from './player.ts'
import { differences, unstableOnConsul } from './differences.ts'
import { rows, type Row } from './recording.ts'
import { targets, type Target } from './targets.ts'

describe('recorded answers of Consul', { concurrency: true }, () => {
  for (const { name, skip, isConsul, open } of targets) {
    describe(name, { skip, concurrency: false }, () => {
      let target: Awaited<ReturnType<Target['open']>>
      let player: Player
      before(async () => {
        target = await open()
        player = new Player(target.port)
        await player.open()
      })
      after(async () => {
        await player?.close()
        await target?.close()
      })
      for (const row of rows) {
        const unstable = isConsul ? unstableOnConsul[row.id] : undefined
        const difference = isConsul ? undefined : differences[row.id]
        it(difference ? `answers ${row.id} as it means to` : `answers ${row.id} as recorded`, async (context) => {
          await player.play({ ...row, ...difference?.instead }, { isCompared: unstable === undefined })
          if (unstable !== undefined) context.skip(unstable)
          if (difference?.after) await player.do(difference.after)
        })
      }
    })
  }

  it('plays every recorded answer of the HTTP API once', () => {
    // 419 recorded steps: 54 are DNS answers, which have a test of their own.
    assert.equal(new Set(rows.map(({ id }) => id)).size, 365)
    assert.equal(rows.length, 365)
  })

  it('names no row that is not recorded as different, and a reason for each', () => {
    const known = new Map<string, Row>(rows.map((row) => [row.id, row]))
    for (const [id, { reason }] of Object.entries(differences)) {
      assert.ok(known.has(id), id)
      assert.ok(reason.length > 20, id)
    }
    for (const id of Object.keys(unstableOnConsul)) assert.ok(known.has(id), id)
  })
})
