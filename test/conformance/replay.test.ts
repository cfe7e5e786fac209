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
import { leftOut, rows } from './recording.ts'

interface Target {
  readonly name: string
  readonly skip: string | false
  readonly open: () => Promise<{ readonly port: number; close(): Promise<void> }>
}

const embedded = async (data: string | null) => {
  const http = { host: '127.0.0.1', port: 0 }
  const server = await startRegistryServer({
    http,
    data,
    node: 'n1',
    datacenter: 'dc1',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
  return { port: server.address.port, close: () => server.close() }
}

const targets: readonly Target[] = [
  { name: 'the embedded registry in memory', skip: false, open: () => embedded(null) },
  {
    name: 'the embedded registry with a data folder',
    skip: false,
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
  { name: 'the real Consul', skip: consulSkip(), open: startConsul },
]

describe('recorded answers of Consul', { concurrency: true }, () => {
  for (const { name, skip, open } of targets) {
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
      for (const row of rows) it(`answers ${row.id} as recorded`, () => player.play(row))
    })
  }

  it('says of no row both that it is played and that it is left out', () => {
    const missing = new Set(Object.values(leftOut).flat())
    assert.deepEqual(
      rows.filter(({ id }) => missing.has(id)).map(({ id }) => id),
      [],
    )
  })
})
