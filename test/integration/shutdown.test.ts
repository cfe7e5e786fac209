import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ReadinessReport } from '../../src/controlplane/readiness.ts'
import type { TasksView } from '../../src/controlplane/tasks/task-view.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startInstance, type Answer, type TestInstance } from '../support/instance.ts'
import { freePorts, spawnMeshgate, type MeshgateProcess } from '../support/meshgate-process.ts'
import { until } from '../support/until.ts'

// Of startGatewayProcess: 100 ms and 5 s.
const graceAndDrainMs = 5_100
/** What docs/commands.md promises beyond those. */
const leaveMs = 10_000

async function startGateway(
  instancePort: number,
  registry = '{ embedded: { http: "127.0.0.1:{port}", dns: off, data: "{folder}/data" } }',
): Promise<GatewayProcess> {
  const [port = 0] = await freePorts(1)
  return startGatewayProcess({
    registry: registry.replace('{port}', String(port)),
    config: `defaults: { health: { every: 200ms } }\nupstreams: { slow: { instances: ["127.0.0.1:${instancePort}"] } }\nroutes: [/slow -> slow]\n`,
  })
}

describe('a gateway that is told to stop', () => {
  let instance: TestInstance
  let answerNow: (() => void) | null = null
  const answer: Answer = (request, response) => {
    request.resume()
    answerNow = () => void response.end('late but whole')
  }
  before(async () => void (instance = await startInstance('slow', answer)))
  after(() => instance.kill())

  it('loses no request of clients that go on calling on open connections', async () => {
    const quick = await startInstance('quick')
    const gateway = await startGateway(quick.port)
    try {
      const clients = Array.from({ length: 12 }, () => callUntilRefused(`${gateway.web}/slow`))
      await until('requests flow', () => quick.hits > 100)
      assert.equal(await gateway.process.end('SIGTERM'), 0)
      const results = await Promise.all(clients)
      assert.deepEqual(
        results.flatMap(({ failures }) => failures),
        [],
      )
    } finally {
      await gateway.stop()
      await quick.kill()
    }
  })

  it('is not ready at once, lets a request under way end, and ends with exit code 0', async () => {
    const gateway = await startGateway(instance.port)
    try {
      const answered = fetch(`${gateway.web}/slow`)
      await until('the request is under way', () => answerNow)
      const exited = gateway.process.end('SIGTERM')
      const { draining } = await until('it is not ready', async () => {
        const report = await gateway.ask<ReadinessReport>('/readyz')
        return report.ready ? null : report
      })
      assert.equal(draining, true)
      await until('the listener is closed', () =>
        fetch(`${gateway.web}/elsewhere`).then(
          () => false,
          () => true,
        ),
      )
      assert.equal((await fetch(`${gateway.admin}/livez`)).status, 200, 'the admin API answers to the end')
      answerNow?.()
      assert.equal(await (await answered).text(), 'late but whole')
      assert.equal(await exited, 0)
      assert.match(gateway.process.output(), /"event":"process.stopped"/)
    } finally {
      await gateway.stop()
    }
  })

  it('ends at once, with exit code 1, when it is told twice', async () => {
    const gateway = await startGateway(instance.port)
    try {
      answerNow = null
      const cut = fetch(`${gateway.web}/slow`).then(
        () => 'answered',
        () => 'cut',
      )
      await until('the request is under way', () => answerNow)
      const exited = gateway.process.end('SIGTERM')
      await until('the shutdown has begun', () => gateway.process.output().includes('shutting down'))
      const since = performance.now()
      process.kill(gateway.process.pid, 'SIGTERM')
      assert.equal(await exited, 1)
      assert.ok(performance.now() - since < 2_000)
      assert.equal(await cut, 'cut')
      assert.match(gateway.process.output(), /second signal/)
    } finally {
      await gateway.stop()
    }
  })
})

describe('a gateway whose registry hangs', () => {
  let folder: string
  let registry: MeshgateProcess
  let instance: TestInstance
  let port: number | undefined
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshgate-shutdown-'))
    instance = await startInstance('slow')
    ;[port] = await freePorts(1)
    registry = spawnMeshgate(['registry', '--http', `127.0.0.1:${port}`, '--dns', 'off', '--data', folder])
    await until('the registry answers', async () => (await fetch(`http://127.0.0.1:${port}/v1/status/leader`)).ok)
  })
  after(async () => {
    process.kill(registry.pid, 'SIGCONT')
    await registry.end('SIGKILL')
    await instance.kill()
    await rm(folder, { recursive: true, force: true })
  })

  it('still ends in time with exit code 0, and tells what it could not do', async () => {
    const gateway = await startGateway(instance.port, `{ consul: { address: "http://127.0.0.1:${port}" } }`)
    try {
      await until('it leads and has registered', async () => {
        const { isLeader } = await gateway.ask<TasksView>('/tasks')
        return isLeader && gateway.process.output().includes('self.registered')
      })
      process.kill(registry.pid, 'SIGSTOP')
      assert.equal((await fetch(`${gateway.web}/slow`)).status, 200)
      const since = performance.now()
      assert.equal(await gateway.process.end('SIGTERM'), 0)
      assert.ok(performance.now() - since < graceAndDrainMs + leaveMs)
      assert.match(gateway.process.output(), /gave up to (deregister, )?give the lead back/)
      assert.match(gateway.process.output(), /"event":"self.still_registered"/)
    } finally {
      process.kill(registry.pid, 'SIGCONT')
      await gateway.stop()
    }
  })
})

describe('SIGHUP', () => {
  it('reads the config file again at once', async () => {
    const instance = await startInstance('x')
    const gateway = await startGateway(instance.port)
    try {
      process.kill(gateway.process.pid, 'SIGHUP')
      await until('it has read what it knew', () => gateway.process.output().includes('"event":"config.unchanged"'))

      const text = await readFile(gateway.configFile, 'utf8')
      await writeFile(gateway.configFile, text.replace('/slow -> slow', '/renamed -> slow'))
      process.kill(gateway.process.pid, 'SIGHUP')
      await until('the new route serves', async () => (await fetch(`${gateway.web}/renamed`)).status === 200, 3_000)

      await writeFile(gateway.configFile, 'nonsense: true\n')
      process.kill(gateway.process.pid, 'SIGHUP')
      await until('the bad file is told', () => gateway.process.output().includes('"event":"config.refused"'))
      assert.equal((await fetch(`${gateway.web}/renamed`)).status, 200)
    } finally {
      await gateway.stop()
      await instance.kill()
    }
  })
})

/** Calls on one kept connection, with a pause between, until a new connection is not taken any more. Only that is no failure. */
async function callUntilRefused(url: string): Promise<{ failures: readonly string[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const failures: string[] = []
  const call = (): Promise<'answered' | 'refused'> =>
    new Promise((resolve) => {
      const request = get(url, { agent }, (response) => {
        if (response.statusCode !== 200) failures.push(`status ${response.statusCode}`)
        response.resume().once('close', () => resolve('answered'))
      })
      request.on('error', (error) => {
        if (isRefusal(error, request.reusedSocket)) return resolve('refused')
        failures.push(`${error.message}${request.reusedSocket ? ' on a kept connection' : ''}`)
        resolve('answered')
      })
    })
  while ((await call()) === 'answered') await new Promise((resolve) => setTimeout(resolve, 5))
  agent.destroy()
  return { failures }
}

/** A reset instead of a refusal: the system had completed the connection, and the listener closed before it took it. */
function isRefusal(error: Error, isKept: boolean): boolean {
  return !isKept && /^(connect|read) ECONNRE(FUSED|SET)/.test(error.message)
}
