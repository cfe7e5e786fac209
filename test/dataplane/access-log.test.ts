import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { writeAccess, type AccessRecord } from '../../src/dataplane/access-log.ts'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { Gateway } from '../../src/dataplane/gateway.ts'
import { callInternally } from '../../src/dataplane/internal-call.ts'
import { createLogger } from '../../src/logging.ts'

const record: AccessRecord = {
  requestId: 'r-1',
  client: '192.0.2.1',
  method: 'GET',
  host: 'shop',
  path: '/a',
  status: 200,
  bytes: 12,
  durationMs: 1.23456,
  route: 'shop',
  upstream: 'shop',
  endpoint: '10.0.0.1:80',
  attempts: 1,
  code: null,
  reason: null,
}

describe('the access log', () => {
  it('has one line for an exchange, with named facts', () => {
    const lines: string[] = []
    const logger = createLogger('info', { write: (line) => void lines.push(line) })
    const withQuery = { ...record, query: '?token=secret' }
    writeAccess(logger, withQuery)
    assert.equal(lines.length, 1)
    const { level, time, pid, hostname, msg, ...facts } = JSON.parse(lines[0] ?? '') as Record<string, unknown>
    assert.deepEqual(facts, { ...record, event: 'access', durationMs: 1.2 })
    assert.deepEqual([level, msg, typeof time, typeof pid, typeof hostname], [30, 'access', 'number', 'number', 'string'])
  })

  for (const [level, lines] of [
    ['warn', 1],
    ['error', 1],
    ['silent', 0],
  ] as const)
    it(`has ${lines === 1 ? 'its line' : 'no line'} where the log tells ${level} only`, async () => {
      const written: string[] = []
      const logger = createLogger(level, { write: (line) => void written.push(line) })
      const gateway = new Gateway({ clock: systemClock, random: systemRandom, logger, accessLog: true })
      const { signal } = new AbortController()
      const call = { method: 'GET', service: 'shop', path: '/a', headers: {}, requestId: 'r-1', signal }
      const { status } = await callInternally(call, systemClock, gateway.serve)
      assert.equal(status, 404)
      assert.equal(written.filter((line) => line.includes('"event":"access"')).length, lines)
    })
})
