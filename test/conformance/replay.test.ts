import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { silentLogger } from '../../src/logging.ts'
import { startRegistryServer } from '../../src/registry-server/server.ts'
import { consulSkip, startConsul } from './consul.ts'
import { Player } from './player.ts'
import { differences, unstableOnConsul } from './differences.ts'
import { rows, type Row } from './recording.ts'

interface Target {
  readonly name: string
  readonly skip: string | false
  readonly isConsul: boolean
  readonly open: () => Promise<{ readonly port: number; close(): Promise<void> }>
}

const embedded = async (data: string | null) => {
  const http = { host: '127.0.0.1', port: 0 }
  const server = await startRegistryServer({
    http,
    data,
    node: 'n1',
    datacenter: 'dc1',
    enableScripts: true,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
  return { port: server.address.port, close: () => server.close() }
}

const targets: readonly Target[] = [
  { name: 'the embedded registry in memory', skip: false, isConsul: false, open: () => embedded(null) },
  {
    name: 'the embedded registry with a data folder',
    skip: false,
    isConsul: false,
    open: async () => {
      const folder = mkdtempSync(join(tmpdir(), 'registry-'))
      const opened = await embedded(folder)
      const close = async (): Promise<void> => {
        await opened.close()
        rmSync(folder, { recursive: true, force: true })
      }
      return { ...opened, close }
    },
  },
  { name: 'the real Consul', skip: consulSkip(), isConsul: true, open: startConsul },
]

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
