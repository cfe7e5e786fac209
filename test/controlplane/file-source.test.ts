import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { readConfigText, watchConfigFile, type FileSource } from '../../src/controlplane/sources/file-source.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

let folder: string
let source: FileSource | null = null
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'meshgate-file-'))))
afterEach(async () => {
  source?.close()
  await rm(folder, { recursive: true, force: true })
})

async function follow(file: string) {
  const clock = new ManualClock()
  const told: string[] = []
  const text = await readConfigText(file)
  source = watchConfigFile({
    file,
    text,
    clock,
    onText: (next) => void told.push(next),
    onUnreadable: (why) => void told.push(`! ${why}`),
  })
  /** One look by schedule, to its end: the next one is armed. */
  const look = async (): Promise<void> => {
    await clock.advance(1_000)
    await until('the next look is armed', () => clock.pending === 1)
  }
  return { clock, told, look, source }
}

describe('a config file', () => {
  it('is told when its text changes, and only then', async () => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, 'one')
    const { told, look } = await follow(file)
    await look()
    await writeFile(file, 'one')
    await look()
    assert.deepEqual(told, [])
    await writeFile(file, 'two')
    await look()
    await look()
    assert.deepEqual(told, ['two'])
  })

  it('is followed through an editor that writes beside it and renames', async () => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, 'one')
    const { told, look } = await follow(file)
    for (const text of ['two', 'three']) {
      await writeFile(`${file}.swp`, text)
      await rename(`${file}.swp`, file)
      await look()
    }
    assert.deepEqual(told, ['two', 'three'])
  })

  it('is followed through a symbolic link that is swapped, as in a mounted ConfigMap', async () => {
    const [file, data] = [join(folder, 'gateway.yaml'), join(folder, '..data')]
    for (const version of ['v1', 'v2']) await writeFile(join(folder, version), version)
    await symlink(join(folder, 'v1'), data)
    await symlink(data, file)
    const { told, look } = await follow(file)
    await symlink(join(folder, 'v2'), `${data}_tmp`)
    await rename(`${data}_tmp`, data)
    await look()
    assert.deepEqual(told, ['v2'])
  })

  it('that is gone is told once, and again when it is back, even with the same text', async () => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, 'one')
    const { told, look } = await follow(file)
    await unlink(file)
    await look()
    await look()
    assert.equal(told.length, 1)
    assert.match(told[0] ?? '', /^! does not exist/)
    await writeFile(file, 'one')
    await look()
    await look()
    assert.deepEqual(told.slice(1), ['one'])
  })

  it('that is not UTF-8 is refused with what to do', async () => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, 'one')
    const { told, look } = await follow(file)
    await writeFile(file, Buffer.from([0x61, 0xff]))
    await look()
    assert.deepEqual(told, ['! is not UTF-8 text: save it as UTF-8'])
    await assert.rejects(readConfigText(file), {
      code: 'config_unreadable',
      message: `${file}: is not UTF-8 text: save it as UTF-8`,
    })
  })

  it('is told on demand even if nothing changed, also that it is gone', async () => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, 'one')
    const { told, source: followed } = await follow(file)
    await followed.reload()
    await unlink(file)
    await followed.reload()
    await followed.reload()
    assert.deepEqual(
      told.map((text) => text.slice(0, 8)),
      ['one', '! does n', '! does n'],
    )
  })

  it('is read one look at a time, so that an older text never comes after a newer one', async () => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, 'one')
    const { told, source: followed } = await follow(file)
    const texts = Array.from({ length: 20 }, (_, at) => `text ${String(at).padStart(2, '0')}`)
    const looks: Promise<void>[] = []
    for (const text of texts) {
      await writeFile(`${file}.new`, text)
      await rename(`${file}.new`, file)
      looks.push(followed.reload(), followed.reload())
    }
    await Promise.all(looks)
    assert.deepEqual(told, told.toSorted())
    assert.equal(told.at(-1), texts.at(-1))
  })

  it('is not looked at any more after close', async () => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, 'one')
    const { told, clock, source: followed } = await follow(file)
    await writeFile(file, 'two')
    const late = followed.reload()
    followed.close()
    await late
    await clock.advance(5_000)
    assert.deepEqual([told, clock.pending], [[], 0])
  })
})
