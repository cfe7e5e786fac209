import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import type { ConfigStatus } from '../../src/controlplane/config-status.ts'
import type { WorkerView } from '../../src/workers/worker-view.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { freePorts, spawnMeshgate } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'
import { isRunning, logged, startCallers, startWorkerGateway, untilTwoServe } from '../support/worker-gateway.ts'

const callers = 16

describe('a gateway with two workers', () => {
  let instance: TestInstance
  let gateway: GatewayProcess
  let url: string
  before(async () => {
    instance = await startInstance('app')
    gateway = await startWorkerGateway(instance.port, 'log: { access: true }\n')
    url = `${gateway.web}/app/`
  })
  after(async () => {
    await gateway?.stop()
    await instance?.kill()
  })

  it('serves by both, and no two requests have the same id', async () => {
    const load = startCallers(url, callers, { keepAlive: false })
    await until('requests flow', () => load.answered > 300)
    assert.deepEqual(await load.stop(), [])
    const lines = await until('all are in the log', () => {
      const access = logged(gateway, 'access')
      return access.length >= load.answered ? access : null
    })
    assert.deepEqual(new Set(lines.map(({ worker }) => worker)), new Set([0, 1]))
    assert.equal(new Set(lines.map(({ requestId }) => requestId)).size, lines.length)
  })

  it('tells the sum of what all workers have counted, also of one that was killed', async () => {
    const before = await countedRequests(gateway)
    const load = startCallers(url, callers, { keepAlive: false })
    await until('requests flow', () => load.answered > 200)
    assert.deepEqual(await load.stop(), [])
    const counted = await countedRequests(gateway)
    assert.equal(counted, before + load.answered)
    const pids = await untilTwoServe(gateway)
    process.kill(pids[0] ?? 0, 'SIGKILL')
    await untilTwoServe(gateway, pids.slice(0, 1))
    assert.equal(await countedRequests(gateway), counted)
  })

  it('loses only what a worker had under way when it is killed, and has another one in its place', async () => {
    const [victim = 0] = await untilTwoServe(gateway)
    const deaths = logged(gateway, 'worker.died').length
    const kept = startCallers(url, callers, { keepAlive: true })
    const fresh = startCallers(url, callers, { keepAlive: false })
    await until('requests flow', () => kept.answered > 200 && fresh.answered > 200)
    process.kill(victim, 'SIGKILL')
    await untilTwoServe(gateway, [victim])
    const answered = fresh.answered
    await until('they flow on', () => fresh.answered > answered + 200)
    const [ofKept, ofFresh] = [await kept.stop(), await fresh.stop()]
    assert.ok(ofKept.length <= callers, `kept connections: ${ofKept.join()}`)
    assert.ok(ofFresh.length <= callers, `new connections: ${ofFresh.join()}`)
    const died = logged(gateway, 'worker.died').slice(deaths)
    assert.deepEqual(
      died.map(({ pid, ending, level }) => ({ pid, ending, level })),
      [{ pid: victim, ending: 'SIGKILL', level: 50 }],
    )
  })

  it('loses no request when its workers are replaced', async () => {
    const pids = await untilTwoServe(gateway)
    const kept = startCallers(url, callers, { keepAlive: true })
    const fresh = startCallers(url, callers, { keepAlive: false })
    await until('requests flow', () => kept.answered > 200 && fresh.answered > 200)
    assert.equal((await fetch(`${gateway.admin}/workers/replace`, { method: 'POST' })).status, 200)
    const next = await untilTwoServe(gateway, pids)
    await until('the old ones are gone', () => !pids.some(isRunning))
    assert.deepEqual([...(await kept.stop()), ...(await fresh.stop())], [])
    assert.equal(new Set([...pids, ...next]).size, 4)
  })

  it('replaces a worker that is told to end, after another one has started', async () => {
    const [victim = 0, other = 0] = await untilTwoServe(gateway)
    const load = startCallers(url, callers, { keepAlive: true })
    await until('requests flow', () => load.answered > 100)
    process.kill(victim, 'SIGTERM')
    assert.ok((await untilTwoServe(gateway, [victim])).includes(other))
    await until('it has ended', () => !isRunning(victim))
    assert.deepEqual(await load.stop(), [])
  })

  it('waits longer for a worker that dies again and again, and serves by the other one meanwhile', async () => {
    const lastWaitMs = (): number => Number(logged(gateway, 'worker.died').at(-1)?.restartInMs ?? 0)
    let victim = 0
    // The second death within a minute is waited for, and some of the tests above have killed.
    for (let kill = 0; kill < 3 && lastWaitMs() === 0; kill++) {
      ;[victim = 0] = await untilTwoServe(gateway, [victim])
      process.kill(victim, 'SIGKILL')
      await until('the death is told', () => logged(gateway, 'worker.died').some(({ pid }) => pid === victim))
    }
    assert.ok(lastWaitMs() >= 200, `waited ${lastWaitMs()} ms`)
    const load = startCallers(url, callers, { keepAlive: false })
    await until('requests flow', () => load.answered > 100)
    assert.deepEqual(await load.stop(), [])
    await untilTwoServe(gateway, [victim])
  })

  it('has all workers serve by a new config, and loses no request over it', async () => {
    const text = await readFile(gateway.configFile, 'utf8')
    const kept = startCallers(url, callers, { keepAlive: true })
    const { generation } = await gateway.ask<ConfigStatus>('/config')
    for (let change = 1; change <= 10; change++) {
      const filters = `filters: [{ setHeaders: { response: { x-change: "${change}" } } }]`
      await writeFile(
        gateway.configFile,
        text.replace('[/app/* -> app]', `[{ name: app, match: { path: /app/* }, ${filters}, to: app }]`),
      )
      process.kill(gateway.process.pid, 'SIGHUP')
      await until('both workers have it', async () => {
        const { workers } = await gateway.ask<{ workers: readonly Pick<WorkerView, 'generation'>[] }>('/config')
        return workers.length === 2 && workers.every((worker) => worker.generation === generation + change)
      })
      for (let call = 0; call < 4; call++) assert.equal(await changeHeader(url), String(change))
    }
    assert.deepEqual(await kept.stop(), [])
    await writeFile(gateway.configFile, text)
    assert.equal((await fetch(`${gateway.admin}/reload`, { method: 'POST' })).status, 200)
  })

  it('does not share its port with another gateway', async () => {
    const [registry = 0, admin = 0] = await freePorts(2)
    const other = await readFile(gateway.configFile, 'utf8')
    const file = `${gateway.configFile}.other.yaml`
    await writeFile(
      file,
      other
        .replace(/registry: .*/, `registry: { embedded: { http: "127.0.0.1:${registry}", dns: off, data: "${file}.data" } }`)
        .replace(/admin: .*/, `admin: { bind: "127.0.0.1:${admin}" }`),
    )
    const second = spawnMeshgate(['run', '--config', file])
    assert.equal(await second.exited, 1)
    assert.match(second.output(), /listeners\.web\.bind: cannot listen on .*: another process has it/)
  })

  it('ends with all its workers, also when it is killed', async () => {
    const pids = await untilTwoServe(gateway)
    assert.equal(await gateway.process.end('SIGKILL'), 'SIGKILL')
    await until('no worker is left', () => !pids.some(isRunning))
    await assert.rejects(fetch(url))
  })
})

describe('what passes through two workers', () => {
  it('are WebSockets, in both of them', async () => {
    const [port = 0] = await freePorts(1)
    const server = new WebSocketServer({ port, host: '127.0.0.1' })
    server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
    const gateway = await startWorkerGateway(port)
    try {
      const echoes = Array.from({ length: 12 }, (_, at) => echoed(`${gateway.web.replace('http', 'ws')}/app/`, `hello ${at}`))
      assert.deepEqual(
        await Promise.all(echoes),
        Array.from({ length: 12 }, (_, at) => `hello ${at}`),
      )
    } finally {
      await gateway.stop()
      server.close()
    }
  })
})

async function countedRequests(gateway: GatewayProcess): Promise<number> {
  const page = await (await fetch(`${gateway.admin}/metrics`)).text()
  const lines = page.matchAll(/^meshgate_requests_total\{route="\/app\/\*",status="2xx"\} (\d+)$/gm)
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function changeHeader(url: string): Promise<string | null> {
  const answer = await fetch(url, { headers: { connection: 'close' } })
  await answer.arrayBuffer()
  return answer.headers.get('x-change')
}

function echoed(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.on('open', () => socket.send(text))
    socket.on('message', (data: Buffer) => {
      resolve(data.toString())
      socket.close()
    })
    socket.on('error', reject)
  })
}
