import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createReceiver } from '../../examples/tasks/receiver.ts'
import type { TaskRequest } from '../../src/controlplane/tasks/task-kind.ts'
import { until } from '../support/until.ts'
import { memoryRegistry } from './memory-registry.ts'
import { callTaskConfig, startGateway, type TestGateway } from './tasks-harness.ts'

const midnight = '2026-01-01T00:00:00Z'

describe('the receiver of the examples', () => {
  let folder = ''
  let server: Server
  const worked: string[] = []
  const gateways: TestGateway[] = []
  const open = async (): Promise<void> => {
    server = createReceiver(join(folder, 'receiver.json'), async (key) => {
      worked.push(key)
      return `did ${key}`
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  const send = async (headers: Readonly<Record<string, string>>): Promise<Response> =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/run`, { method: 'POST', headers })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshgate-receiver-'))
    await open()
  })
  after(async () => {
    await Promise.all(gateways.map(({ scheduler }) => scheduler.close()))
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('refuses a runner that has been replaced and does not know it, and does the work of a fire once', async () => {
    const registry = memoryRegistry()
    // A runner that was stopped for a while just before its request left: nothing has told it that its term is over.
    const late = Promise.withResolvers<void>()
    const answers: number[] = []
    const call = async ({ headers }: TaskRequest): Promise<{ status: number }> => {
      const { status } = await send(headers)
      answers.push(status)
      return { status }
    }
    const start = (name: string, term: bigint, callOf: typeof call): TestGateway => {
      const gateway = startGateway({ registry, prefix: 'gateway', name, call: callOf })
      gateways.push(gateway)
      gateway.election.lead(term)
      gateway.scheduler.setTasks([callTaskConfig({ catchUp: 'once' })])
      return gateway
    }
    const stale = start('stale', 7n, async (request) => {
      await late.promise
      return call(request)
    })
    stale.fire(midnight)
    await until('its request is about to leave', () => stale.calls.length === 1)
    const next = start('next', 8n, call)
    assert.equal((await next.outcome(midnight)).by, 'next')
    late.resolve()
    await until('the stale request was answered', () => answers.length === 2)
    assert.deepEqual(answers, [200, 409])
    assert.deepEqual(worked, ['nightly/20260101T000000Z'])
    const { ok, by, attempts } = await next.outcome(midnight)
    assert.deepEqual(
      [ok, by, attempts.map((attempt) => [attempt.term, attempt.ok])],
      [
        true,
        'next',
        [
          ['7', null],
          ['8', true],
        ],
      ],
    )
  })

  it('answers a repeated request from memory, and forgets neither keys nor tokens when it starts again', async () => {
    const headers = { 'X-Fencing-Token': '20', 'Idempotency-Key': 'a/1' }
    const both = await Promise.all([send(headers), send(headers)])
    assert.deepEqual(
      both.map(({ status }) => status),
      [200, 200],
    )
    server.closeAllConnections()
    server.close()
    await open()
    assert.equal(await (await send({ ...headers, 'X-Fencing-Token': '21' })).text(), 'did a/1\n')
    assert.equal((await send({ 'X-Fencing-Token': '20', 'Idempotency-Key': 'a/2' })).status, 409)
    assert.equal((await send({ 'Idempotency-Key': 'a/2' })).status, 400)
    assert.deepEqual(worked.slice(1), ['a/1'])
  })

  it('does no work under a token that it cannot keep', async () => {
    const blocked = join(folder, 'receiver.json.new')
    await mkdir(blocked)
    const before = worked.length
    const headers = { 'X-Fencing-Token': '30', 'Idempotency-Key': '__proto__' }
    assert.equal((await send(headers)).status, 500)
    await rm(blocked, { recursive: true })
    assert.equal((await send({ ...headers, 'X-Fencing-Token': '29' })).status, 200, 'of 30 it knows nothing')
    assert.deepEqual(worked.slice(before), ['__proto__'])
  })
})
