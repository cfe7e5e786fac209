import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { availableParallelism } from 'node:os'
import { afterEach, describe, it } from 'node:test'
import { createLogger } from '../../src/logging.ts'
import { countWorkers } from '../../src/workers/sockets.ts'

const { BoundSocket } = net

/** What the next test runs on. */
function runOn(bound: unknown): void {
  Object.assign(net, { BoundSocket: bound })
  syncBuiltinESMExports()
}

describe('the number of workers', () => {
  const lines: string[] = []
  const logger = createLogger('debug', { write: (line) => void lines.push(line) })
  afterEach(() => {
    runOn(BoundSocket)
    lines.length = 0
  })

  it('is what the config says, and one per core for `auto`', () => {
    assert.equal(countWorkers(3, logger), 3)
    assert.equal(countWorkers('auto', logger), availableParallelism())
    assert.deepEqual(lines, [])
  })

  it('is refused above one by a Node that cannot hand a bound socket over, which is named with the way out', () => {
    runOn(undefined)
    assert.equal(countWorkers(1, logger), 1)
    assert.throws(() => countWorkers(2, logger), {
      code: 'workers_unsupported',
      message: `workers: 2 needs Node 26.4 or later (net.BoundSocket), and this is ${process.version}; write workers: 1`,
    })
  })

  it(
    'is one for `auto` there, with a warning',
    { skip: availableParallelism() === 1 && 'one core: nothing to fall back from' },
    () => {
      runOn(undefined)
      assert.equal(countWorkers('auto', logger), 1)
      assert.match(lines.join(''), /"event":"workers.unsupported".*workers: auto is 1 here, because more need Node 26\.4/)
    },
  )

  it(
    'is one for `auto` on a system without SO_REUSEPORT, and the system’s own words are told',
    { skip: availableParallelism() === 1 && 'one core' },
    () => {
      runOn(function BoundSocket() {
        throw new Error('ENOTSUP')
      })
      assert.equal(countWorkers('auto', logger), 1)
      assert.match(lines.join(''), /SO_REUSEPORT.*ENOTSUP/)
    },
  )
})
