import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readStateFile, stateFileName, writeStateFile } from '../../../src/discovery/outage/state-file.ts'

describe('a state file', () => {
  let folder: string
  let file: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshgate-state-'))
    file = join(folder, 'below', 'last-good.state')
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('gives back what was written, only its owner can read it, and nothing else is left in the folder', async () => {
    await writeStateFile(file, ['first', 'zweite: ä'])
    const found = await readStateFile(file)
    assert.ok(found && 'lines' in found)
    assert.deepEqual(found.lines, ['first', 'zweite: ä'])
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(join(folder, 'below')), ['last-good.state'])
  })

  it('that is not there is nothing, and one without records is empty', async () => {
    assert.equal(await readStateFile(join(folder, 'nowhere')), null)
    await writeStateFile(file, [])
    const found = await readStateFile(file)
    assert.deepEqual(found && 'lines' in found && found.lines, [])
  })

  it('tells when it was confirmed last', async () => {
    await writeStateFile(file, ['x'])
    await utimes(file, 1_000, 1_000)
    const found = await readStateFile(file)
    assert.equal(found && 'lines' in found && found.confirmedAt, 1_000_000)
  })

  for (const [what, damage] of [
    ['cut short', async () => truncate(file, (await stat(file)).size - 3)],
    ['empty', () => writeFile(file, '')],
    ['of zeros', async () => writeFile(file, Buffer.alloc((await stat(file)).size))],
    ['with one octet changed', async () => writeFile(file, (await readFile(file, 'utf8')).replace('first', 'fir5t'))],
    ['of a later version', async () => writeFile(file, (await readFile(file, 'utf8')).replace('"version":1', '"version":2'))],
    ['that is some other JSON', () => writeFile(file, 'null\n[]')],
  ] as const) {
    it(`${what} is told as damaged`, async () => {
      await writeStateFile(file, ['first', 'second'])
      await damage()
      const found = await readStateFile(file)
      assert.ok(found && 'damage' in found, JSON.stringify(found))
    })
  }

  it('that cannot be replaced keeps what it had', async () => {
    await writeStateFile(file, ['kept'])
    await assert.rejects(writeStateFile(join(file, 'below-a-file'), ['x']))
    const found = await readStateFile(file)
    assert.deepEqual(found && 'lines' in found && found.lines, ['kept'])
  })

  it('has another name for another registry, prefix or gateway', () => {
    const names = [['a', 'b'], ['a', 'c'], ['ab']].map((identity) => stateFileName('/s', identity))
    assert.equal(new Set(names).size, 3)
    assert.equal(stateFileName('/s', ['a', 'b']), names[0])
  })
})
