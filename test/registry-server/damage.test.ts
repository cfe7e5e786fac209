import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { GatewayError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logging.ts'
import { Journal } from '../../src/registry-server/store/journal.ts'
import { setKey } from '../../src/registry-server/store/kv.ts'
import { Store } from '../../src/registry-server/store/store.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { makeFolder } from './registry.ts'

const rounds = process.env['MESHGATE_SOAK'] === '1' ? 2000 : 40
const files = ['registry.db', 'registry.db-wal', 'registry.mark']

function openStore(data: string): Store {
  return new Store({ clock: systemClock, logger: silentLogger, journal: Journal.open(data) })
}

function contentsOf({ state }: Store): string {
  return JSON.stringify(
    [...state.kv.withPrefix('')].map(({ key, value, modifyIndex }) => [key, value.toString(), Number(modifyIndex)]),
  )
}

async function fill(store: Store, random: () => number): Promise<void> {
  for (let n = 0; n < 60; n++) {
    const value = Buffer.from(`value ${n} `.repeat(1 + Math.floor(random() * 600)))
    await store.write((transaction) => setKey(transaction, { key: `key/${n % 40}`, value, flags: 0n }))
  }
}

function copyData(from: string, to: string): void {
  mkdirSync(to)
  for (const file of files) if (existsSync(join(from, file))) copyFileSync(join(from, file), join(to, file))
}

function bytesOf(folder: string): string[] {
  return files.map((file) => (existsSync(join(folder, file)) ? readFileSync(join(folder, file)).toString('base64') : ''))
}

/** A folder as SIGKILL leaves it (what is in the log is not in the file yet), or as a clean end leaves it. */
async function madeFolder(context: TestContext, seed: number, end: 'killed' | 'closed') {
  const folder = makeFolder(context)
  const [live, left] = [join(folder, 'live'), join(folder, 'left')]
  const store = openStore(live)
  await fill(store, seededRandom(seed))
  const contents = contentsOf(store)
  if (end === 'closed') store.close()
  copyData(live, left)
  if (end === 'killed') store.close()
  return { folder, left, contents }
}

for (const [end, file] of [
  ['killed', 'registry.db-wal'],
  ['killed', 'registry.mark'],
  ['closed', 'registry.db'],
] as const) {
  test(`with any byte of ${file} flipped (${end}) the data is refused and left alone, or complete`, async (context) => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    context.diagnostic(`seed ${seed}`)
    const random = seededRandom(seed)
    const { folder, left, contents } = await madeFolder(context, seed, end)
    const intact = readFileSync(join(left, file))
    let refused = 0
    for (let round = 0; round < rounds; round++) {
      const data = join(folder, `flipped-${round}`)
      copyData(left, data)
      const at = Math.floor(random() * intact.length)
      const flipped = Buffer.from(intact)
      flipped[at] = (intact[at] ?? 0) ^ (1 << Math.floor(random() * 8))
      writeFileSync(join(data, file), flipped)
      const before = bytesOf(data)
      try {
        const store = openStore(data)
        assert.equal(contentsOf(store), contents, `byte ${at} of ${intact.length}: opened with other contents`)
        store.close()
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        assert.equal(error.code, 'data_unusable', error.message)
        assert.match(error.message, /registry\.db/)
        assert.deepEqual(bytesOf(data), before, `byte ${at}: refused and yet rewritten`)
        refused++
      }
    }
    context.diagnostic(`${refused} of ${rounds} refused`)
    // A mark that makes no sense says nothing, so the data counts; the other files are full of what matters.
    assert.ok(file === 'registry.mark' || refused > rounds / 5, `only ${refused} refused`)
  })
}

test('a log that lost its end is refused: acknowledged writes are missing', async (context) => {
  const { left } = await madeFolder(context, 1, 'killed')
  const log = readFileSync(join(left, 'registry.db-wal'))
  writeFileSync(join(left, 'registry.db-wal'), log.subarray(0, log.length - 4096))
  assert.throws(() => openStore(left), {
    code: 'data_unusable',
    message: /writes up to index 60 were acknowledged and it ends with 59/,
  })
})

test('a log whose last frame was never acknowledged is no damage', async (context) => {
  const { left, contents } = await madeFolder(context, 1, 'killed')
  const log = readFileSync(join(left, 'registry.db-wal'))
  writeFileSync(join(left, 'registry.db-wal'), Buffer.concat([log, log.subarray(32, 32 + 1000)]))
  const store = openStore(left)
  assert.equal(contentsOf(store), contents)
  store.close()
})

test('a value that was changed by hand is refused by its key', async (context) => {
  const { left } = await madeFolder(context, 1, 'closed')
  const database = new DatabaseSync(join(left, 'registry.db'))
  database.exec("UPDATE kv SET value = CAST('other' AS BLOB) WHERE key = 'key/7'")
  database.close()
  assert.throws(() => openStore(left), {
    code: 'data_unusable',
    message: /the row "key\/7" of table kv does not match its checksum/,
  })
})

test('a folder that was refused can be opened again once its data has been put back', async (context) => {
  const { left, contents } = await madeFolder(context, 1, 'closed')
  const intact = readFileSync(join(left, 'registry.db'))
  writeFileSync(join(left, 'registry.db'), Buffer.alloc(8192, 1))
  assert.throws(() => openStore(left), { code: 'data_unusable' })
  writeFileSync(join(left, 'registry.db'), intact)
  const store = openStore(left)
  assert.equal(contentsOf(store), contents)
  store.close()
})
