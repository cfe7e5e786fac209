import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Dispatcher } from 'undici'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { Upgrades } from '../../src/client/upgrades.ts'
import { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import { startInstance } from '../support/instance.ts'
import { upstreamPolicy } from '../support/upstream-policy.ts'

/** Asks for an upgrade as undici's own `upgrade` does, to which every other answer is an error. */
function failedUpgrade(upgrades: Upgrades, upstream: Upstream): Promise<Error> {
  const ended = Promise.withResolvers<Error>()
  const handler: Dispatcher.DispatchHandler = {
    onResponseStart: () => {
      throw new Error('bad upgrade')
    },
    onResponseError: (_, error) => ended.resolve(error),
  }
  const options: Dispatcher.DispatchOptions = { origin: 'http://strict', path: '/', method: 'GET', upgrade: 'websocket' }
  upgrades.send(options, handler, { upstream, picker: upstream, host: 'strict' })
  return ended.promise
}

it('an instance that refuses an upgrade has not failed, and one that is gone has', async () => {
  const instance = await startInstance('strict', (_, response) => void response.writeHead(401).end())
  const upstream = new Upstream('strict', upstreamPolicy(), { clock: systemClock, random: systemRandom })
  const address = { host: '127.0.0.1', port: instance.port }
  upstream.setMembers([{ id: 'strict', address, weight: 1, exclusion: null }])
  const upgrades = new Upgrades()
  try {
    assert.equal((await failedUpgrade(upgrades, upstream)).message, 'bad upgrade')
    assert.deepEqual([upstream.stats.failures.size, upstream.isBusy], [0, false])
    await instance.kill()
    await failedUpgrade(upgrades, upstream)
    assert.deepEqual([...upstream.stats.failures], [['upstream_reset', 1]])
  } finally {
    await upgrades.close()
    await upstream.close(0)
    await instance.kill()
  }
})
