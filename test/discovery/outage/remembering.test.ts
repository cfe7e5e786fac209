import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { LastGood } from '../../../src/discovery/outage/last-good.ts'
import { rememberingWatches } from '../../../src/discovery/outage/remembering-registry.ts'
import { GatewayError } from '../../../src/errors.ts'
import type { Instance } from '../../../src/registry/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { handRegistry, instance, keptLog } from '../../controlplane/control-plane.ts'

const away = new GatewayError('registry_unavailable', 'nobody listens there')

describe('watches that remember', () => {
  let folder: string
  let file: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshgate-remember-'))
    file = join(folder, 'last-good.state')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** A process that follows `shop` and the names, on the disk of those before it. */
  const startProcess = async () => {
    const [clock, registry, log] = [new ManualClock(), handRegistry(), keptLog()]
    const lastGood = await LastGood.open({ file, clock, logger: log.logger })
    const watches = rememberingWatches(registry, lastGood, clock)
    const told: [readonly string[], boolean][] = []
    const errors: string[] = []
    const watch = watches.watchInstances('shop', {
      onValue: (instances, isRemembered = false) => void told.push([instances.map(({ id }) => id), isRemembered]),
      onError: ({ code }) => void errors.push(code),
    })
    watches.watchServices({ onValue: () => {}, onError: () => {} })
    return { clock, registry, log, lastGood, watches, watch, told, errors }
  }
  const runOnce = async (...instances: readonly Instance[]): Promise<void> => {
    const { registry, lastGood } = await startProcess()
    registry.list('shop', instances)
    await lastGood.close()
  }

  it('tell what a former process knew as soon as the registry fails, marked, and then what it says', async () => {
    await runOnce(instance('shop', 1), instance('shop', 2, { meta: { zone: 'a' }, weight: 3 }))
    const { registry, told, errors, lastGood } = await startProcess()
    assert.deepEqual(told, [])
    registry.fail(away)
    assert.deepEqual([told, errors], [[[['shop-1', 'shop-2'], true]], ['registry_unavailable']])
    assert.equal(lastGood.recalled, 1)
    registry.fail(away)
    assert.equal(told.length, 1)
    registry.list('shop', [instance('shop', 9)])
    assert.deepEqual(told.at(-1), [['shop-9'], false])
    assert.equal(lastGood.recalled, 0)
    await lastGood.close()
  })

  it('do so after 300 ms with a registry that takes connections and is silent', async () => {
    await runOnce(instance('shop', 1))
    const { clock, told, lastGood } = await startProcess()
    await clock.advance(299)
    assert.deepEqual(told, [])
    await clock.advance(1)
    assert.deepEqual(told, [[['shop-1'], true]])
    await lastGood.close()
  })

  it('do not when the registry answers, if only with an empty list', async () => {
    await runOnce(instance('shop', 1))
    const { clock, registry, told, lastGood } = await startProcess()
    registry.list('shop', [])
    registry.fail(away)
    await clock.advance(1_000)
    assert.deepEqual(told, [[[], false]])
    await lastGood.close()
  })

  it('have nothing to tell the first time', async () => {
    const { registry, told, lastGood } = await startProcess()
    registry.fail(away)
    assert.deepEqual(told, [])
    await lastGood.close()
  })

  it('write a second after a change, also if the process is then killed', async () => {
    const first = await startProcess()
    first.registry.list('shop', [instance('shop', 1)])
    await first.clock.advance(1_000)
    await first.lastGood.close()
    assert.match(await readFile(file, 'utf8'), /"shop-1"/)
  })

  it('keep the instances through the end of the watches at shutdown', async () => {
    const first = await startProcess()
    first.registry.list('shop', [instance('shop', 1)])
    await first.lastGood.close()
    first.watch.close()
    const { registry, told, lastGood } = await startProcess()
    registry.fail(away)
    assert.deepEqual(told, [[['shop-1'], true]])
    await lastGood.close()
  })

  it('forget services that the registry does not list and nobody follows', async () => {
    const first = await startProcess()
    first.watches.watchInstances('gone', { onValue: () => {}, onError: () => {} }).close()
    const other = first.watches.watchInstances('other', { onValue: () => {}, onError: () => {} })
    first.registry.list('other', [instance('other', 1)])
    first.registry.list('shop', [instance('shop', 1)])
    other.close()
    first.registry.listServices(['elsewhere'])
    await first.lastGood.close()
    const text = await readFile(file, 'utf8')
    assert.deepEqual([text.includes('"shop"'), text.includes('"other"')], [true, false])
  })

  it('ignore a damaged file with a warning, and write a good one over it', async () => {
    await runOnce(instance('shop', 1))
    await writeFile(file, (await readFile(file, 'utf8')).replace('shop-1', 'shop-7'))
    const { registry, told, log, lastGood } = await startProcess()
    registry.fail(away)
    assert.deepEqual(told, [])
    assert.match(log.of('state.ignored')[0]?.msg ?? '', /last-good\.state is ignored: its checksum does not match/)
    registry.list('shop', [instance('shop', 2)])
    await lastGood.close()
    const next = await startProcess()
    assert.equal(next.log.of('state.ignored').length, 0)
    next.registry.fail(away)
    assert.deepEqual(next.told, [[['shop-2'], true]])
    await next.lastGood.close()
  })

  it('tell a disk that cannot be written once, and go on', async () => {
    await writeFile(join(folder, 'a-file'), '')
    file = join(folder, 'a-file', 'last-good.state')
    const { clock, registry, told, log, lastGood } = await startProcess()
    for (let port = 1; port <= 3; port++) {
      registry.list('shop', [instance('shop', port)])
      await clock.advance(1_000)
    }
    await lastGood.close()
    assert.equal(told.length, 3)
    assert.equal(log.of('state.unwritable').length, 1)
  })
})
