import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ReadinessReport } from '../../src/controlplane/readiness.ts'
import { startAppHere } from '../support/app-here.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { startInstance } from '../support/instance.ts'
import { freePorts, runMeshgate, spawnMeshgate } from '../support/meshgate-process.ts'
import { registerInstance } from '../support/registries.ts'
import { until } from '../support/until.ts'

const fast = 'defaults: { health: { every: 200ms, timeout: 500ms } }\nroutes: [ "/hello/* -> hello" ]\n'

describe('a start that cannot succeed ends with exit code 1 and says what to do', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'meshgate-faults-'))))
  after(() => rm(folder, { recursive: true, force: true }))

  const start = async (text: string): Promise<{ code: number | string; output: string }> => {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, text)
    return runMeshgate(['run', '--config', file])
  }
  const minimal = async (): Promise<string> => {
    const [admin, http] = await freePorts(2)
    return `admin: { bind: "127.0.0.1:${admin}" }\nregistry: { embedded: { http: "127.0.0.1:${http}", dns: off, data: ${join(folder, 'data')} } }\n`
  }

  it('no such file', async () => {
    const { code, output } = await runMeshgate(['run', '--config', join(folder, 'nowhere.yaml')])
    assert.equal(code, 1)
    assert.match(output, /nowhere\.yaml: does not exist: check the path/)
  })

  it('a folder in place of a file', async () => {
    const { code, output } = await runMeshgate(['run', '--config', folder])
    assert.equal(code, 1)
    assert.match(output, /: is a folder: name the file in it/)
  })

  it('an address to listen on that is none', async () => {
    const { code, output } = await start(`${await minimal()}listeners: { web: { bind: "*:8080" } }\nroutes: ["/* -> x"]\n`)
    assert.equal(code, 1)
    assert.match(
      output,
      /listeners\.web\.bind: cannot listen on \*:8080: "\*" is not an address of this machine; write ":8080" for all/,
    )
  })

  it('an empty file', async () => {
    const { code, output } = await start('')
    assert.equal(code, 1)
    assert.match(output, /gateway\.yaml:1:1/)
  })

  it('a port that another process has', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const { code, output } = await start(
      `${await minimal()}listeners: { web: { bind: "127.0.0.1:${port}" } }\nroutes: ["/* -> x"]\n`,
    )
    taken.close()
    assert.equal(code, 1)
    assert.match(output, new RegExp(`listeners\\.web\\.bind: cannot listen on 127\\.0\\.0\\.1:${port}: another process has it`))
  })

  it('a data folder that is a file', async () => {
    const file = join(folder, 'a-file')
    await writeFile(file, 'x')
    const [admin, http, web] = await freePorts(3)
    const { code, output } = await start(
      `admin: { bind: "127.0.0.1:${admin}" }\nlisteners: { web: { bind: "127.0.0.1:${web}" } }\nregistry: { embedded: { http: "127.0.0.1:${http}", dns: off, data: ${file} } }\nroutes: ["/* -> x"]\n`,
    )
    assert.equal(code, 1)
    assert.match(output, /a-file/)
  })

  it('a data folder that another gateway uses: it is told which process', async () => {
    const [webA, adminA, httpA, webB, adminB, httpB] = await freePorts(6)
    const config = (web?: number, admin?: number, http?: number): string =>
      `listeners: { web: { bind: "127.0.0.1:${web}" } }\nadmin: { bind: "127.0.0.1:${admin}" }\nregistry: { embedded: { http: "127.0.0.1:${http}", dns: off, data: ${join(folder, 'shared')} } }\nroutes: ["/* -> x"]\n`
    const file = join(folder, 'holder.yaml')
    await writeFile(file, config(webA, adminA, httpA))
    const holder = spawnMeshgate(['run', '--config', file])
    try {
      await until('the first one is alive', async () => (await fetch(`http://127.0.0.1:${adminA}/livez`)).ok)
      const { code, output } = await start(config(webB, adminB, httpB))
      assert.equal(code, 1)
      assert.match(output, new RegExp(`\\b${holder.pid}\\b`))
    } finally {
      await holder.end('SIGTERM')
    }
  })
})

describe('a registry that is away', () => {
  it('at start is awaited: the gateway runs, says that it is not ready and why, and serves when the registry comes', async () => {
    const [registryPort = 0] = await freePorts(1)
    const gateway = await startGatewayProcess({
      registry: `{ consul: { address: "http://127.0.0.1:${registryPort}" } }`,
      config: fast,
      awaitReady: false,
    })
    const instance = await startInstance('hello')
    const data = await mkdtemp(join(tmpdir(), 'meshgate-late-'))
    try {
      await until('the admin API answers', async () => (await fetch(`${gateway.admin}/livez`)).ok)
      const unready = await gateway.ask<ReadinessReport>('/readyz')
      assert.equal(unready.ready, false)
      assert.notEqual(unready.reasons.length, 0)
      const answer = await fetch(`${gateway.web}/hello/`)
      assert.equal(answer.status, 503)
      assert.match(await answer.text(), /upstream_unknown/)

      const registry = spawnMeshgate(['registry', '--http', `127.0.0.1:${registryPort}`, '--dns', 'off', '--data', data])
      try {
        const address = `http://127.0.0.1:${registryPort}`
        await until('the registry answers', async () => (await fetch(`${address}/v1/status/leader`)).ok)
        await registerInstance(address, 'hello', instance.port)
        await until('the gateway serves', async () => (await fetch(`${gateway.web}/hello/`)).ok, 20_000)
        // Its config in KV is awaited too, by a watch with a backoff of its own.
        await until('it is ready', async () => (await gateway.ask<ReadinessReport>('/readyz')).ready, 20_000)

        await registry.end('SIGKILL')
        assert.equal((await fetch(`${gateway.web}/hello/`)).status, 200)
        const later = await until('the failure is told', async () => {
          const report = await gateway.ask<ReadinessReport>('/readyz')
          return report.registry.lastError ? report : null
        })
        assert.equal(later.ready, true, 'the last good members still serve')
      } finally {
        await registry.end('SIGKILL')
      }
    } finally {
      await gateway.stop()
      await instance.kill()
      await rm(data, { recursive: true, force: true })
    }
  })
})

describe('a registry that goes wrong later takes nothing away', () => {
  for (const [fault, answer] of faults()) {
    it(fault, async () => {
      const registry = await brokenRegistry()
      const instance = await startInstance('hello')
      registry.list(instance.port)
      const gateway = await startAppHere(registry.address, fast)
      try {
        await until('the gateway serves', async () => (await fetch(`${gateway.web}/hello/`)).ok, 20_000)
        registry.breakWith(answer)
        await until('the fault has been met', () => registry.faultyAnswers > 2, 20_000)
        for (let at = 0; at < 5; at++) assert.equal((await fetch(`${gateway.web}/hello/`)).status, 200)
      } finally {
        await gateway.stop()
        await registry.close()
        await instance.kill()
      }
    })
  }
})

type Fault = (response: ServerResponse) => void

function faults(): readonly (readonly [string, Fault])[] {
  return [
    ['500', (response) => void response.writeHead(500).end('rpc error')],
    ['garbage', (response) => void response.writeHead(200, { 'x-consul-index': '9999' }).end('<html>')],
    ['an empty object', (response) => void response.writeHead(200, { 'x-consul-index': '9999' }).end('{}')],
    ['an empty body', (response) => void response.writeHead(200, { 'x-consul-index': '9999' }).end()],
    ['404 without index', (response) => void response.writeHead(404).end()],
    ['a cut connection', (response) => void response.destroy()],
  ]
}

/** Speaks just enough Consul to list one service, until it is told to break. */
async function brokenRegistry() {
  let port: number | null = null
  let fault: Fault | null = null
  let faultyAnswers = 0
  let index = 10
  const server: Server = createServer((request, response) => {
    request.resume()
    if (fault) {
      faultyAnswers++
      return fault(response)
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://registry')
    const body = pathname.startsWith('/v1/health/service/hello') && port !== null ? JSON.stringify([entry(port)]) : '[]'
    const send = (): void => {
      if (!response.writableEnded)
        response.writeHead(200, { 'x-consul-index': String(index), 'content-type': 'application/json' }).end(body)
    }
    if (searchParams.get('index') === String(index)) setTimeout(send, 300)
    else send()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    get faultyAnswers() {
      return faultyAnswers
    },
    list: (instancePort: number) => {
      port = instancePort
      index++
    },
    breakWith: (next: Fault) => void (fault = next),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function entry(port: number): unknown {
  return {
    Node: { Node: 'n1', Address: '127.0.0.1' },
    Service: {
      ID: 'hello-1',
      Service: 'hello',
      Address: '127.0.0.1',
      Port: port,
      Tags: [],
      Meta: {},
      Weights: { Passing: 1, Warning: 1 },
    },
    Checks: [],
  }
}
