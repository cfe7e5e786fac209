import assert from 'node:assert/strict'
import { get } from 'node:http'
import { after, before, describe, it } from 'node:test'
import type { TasksView } from '../../src/controlplane/tasks/task-view.ts'
import type { ConfigStatus } from '../../src/controlplane/config-status.ts'
import { startGatewayProcess, type GatewayProcess } from './gateway-process.ts'
import { startInstance, type TestInstance } from './instance.ts'
import { put, registerInstance, type RegistryKind, type TestRegistry } from './registries.ts'
import { until } from './until.ts'

const routesOnly = `
defaults: { health: { every: 200ms, timeout: 500ms } }
routes:
  - /hello/* -> hello
`

/** The way of the README, end to end: the suite that every registry and every number of workers has to pass. */
export function fiveSteps({ name, skip, start }: RegistryKind, workers: number): void {
  const config = `${routesOnly}workers: ${workers}\n`
  describe(`with ${name} and workers: ${workers}`, { skip }, () => {
    let registry: TestRegistry
    let gateway: GatewayProcess
    let first: TestInstance
    let second: TestInstance

    before(async () => {
      registry = await start()
      gateway = await startGatewayProcess({ registry: registry.first, config })
      first = await startInstance('first')
      second = await startInstance('second')
    })
    after(async () => {
      await gateway?.stop()
      await registry?.stop()
      await first?.kill()
      await second?.kill()
    })

    it('1, 2: instances that are registered by a plain PUT answer in turn', async () => {
      await registerInstance(registry.address, 'hello', first.port)
      await registerInstance(registry.address, 'hello', second.port)
      await until('both instances get traffic', async () => (await eligible(gateway, 'hello')) === 2)
      assert.deepEqual(new Set(await texts(`${gateway.web}/hello/`, 4)), new Set(['first', 'second']))
    })

    it('2: no call fails while one instance is killed, and it comes back', async () => {
      await first.kill()
      const answers = await texts(`${gateway.web}/hello/`, 30)
      assert.deepEqual(new Set(answers), new Set(['second']))
      await first.restart()
      await until('the instance gets traffic again', async () => (await texts(`${gateway.web}/hello/`, 2)).includes('first'))
    })

    it('3: a route in KV serves within a second, a broken one is refused with its place, and the old one stays', async () => {
      const key = '/v1/kv/gateway/routes/greetings'
      await put(
        registry.address,
        key,
        'match: { path: /greetings/* }\nfilters:\n  - rewritePath: { strip: /greetings }\nto: hello\n',
      )
      await until('the route serves', async () => (await fetch(`${gateway.web}/greetings/`)).status === 200, 1_000)

      await put(registry.address, key, 'match: { pth: /other/* }\nto: hello\n')
      const refused = await until('the broken route is refused', async () => {
        const { entries } = await gateway.ask<ConfigStatus>('/config')
        return entries.find(({ state }) => state === 'refused')
      })
      assert.equal(refused.source, 'kv:gateway/routes/greetings')
      assert.equal(refused.servesOlder, true)
      const [problem] = refused.problems
      assert.deepEqual([problem?.line, problem?.column], [1, 10])
      assert.match(problem?.message ?? '', /did you mean "path"/)
      await until('the log tells the place', () => /kv:gateway\/routes\/greetings:1:10/.test(gateway.process.output()))
      assert.equal((await fetch(`${gateway.web}/greetings/`)).status, 200)

      await fetch(`${registry.address}${key}`, { method: 'DELETE' })
      await until('the route is gone', async () => (await fetch(`${gateway.web}/greetings/`)).status === 404)
    })

    it('4: a service is called by its name, as a proxy and by Host, and nothing else is', async () => {
      assert.equal((await throughMesh(gateway, 'http://hello/', 'hello')).status, 200)
      assert.equal((await throughMesh(gateway, '/', 'hello')).status, 200)
      const outside = await throughMesh(gateway, 'http://example.com/', 'example.com')
      assert.equal(outside.status, 403)
      assert.match(outside.body, /not_a_mesh_service/)
      const address = `127.0.0.1:${first.port}`
      assert.equal((await throughMesh(gateway, `http://${address}/`, address)).status, 403)
    })

    it('5: a task runs once per fire in a pair of gateways, and the other takes over when the leader is killed', async () => {
      const other = await startGatewayProcess({ registry: registry.further, config })
      try {
        await put(registry.address, '/v1/kv/gateway/tasks/tick', '{ "cron": "* * * * * *", "call": "GET http://hello/tick" }')
        const seen = await until(
          'five fires have run',
          async () => {
            const [task] = (await gateway.ask<TasksView>('/tasks')).tasks
            return task && task.runs.filter(({ ok }) => ok === true).length >= 5 ? task.runs : null
          },
          30_000,
        )
        const fires = seen.map(({ fireTime }) => fireTime)
        assert.equal(new Set(fires).size, fires.length, 'each fire has one run')

        if (registry.isHosted) {
          await until(
            'the host of the registry has given the lead away',
            async () => (await other.ask<TasksView>('/tasks')).isLeader,
            15_000,
          )
        }
        const leaderName = (await until('a leader is known', async () => (await other.ask<TasksView>('/tasks')).leader, 15_000))
          .name
        const otherLeads = (await other.ask<TasksView>('/tasks')).isLeader
        const [victim, survivor] = otherLeads ? [other, gateway] : [gateway, other]
        await victim.process.end('SIGKILL')
        const killedAt = new Date().toISOString()
        await until(
          'the survivor leads and has run the task',
          async () => {
            const view = await survivor.ask<TasksView>('/tasks')
            const ranSince = view.tasks[0]?.runs.some(
              ({ fireTime, ok, by }) => fireTime > killedAt && ok === true && by !== leaderName,
            )
            return view.isLeader && ranSince
          },
          45_000,
        )
      } finally {
        await other.stop()
      }
    })

    it('SIGTERM ends a gateway with exit code 0 and takes its registration out', async () => {
      const leaving = await startGatewayProcess({ registry: registry.further, config })
      const listed = async (): Promise<number> => {
        const answer = await fetch(`${registry.address}/v1/catalog/service/meshgate`)
        return ((await answer.json()) as { ServicePort: number }[]).filter(({ ServicePort }) =>
          leaving.web.endsWith(`:${ServicePort}`),
        ).length
      }
      await until('it is registered', async () => (await listed()) === 1)
      assert.equal(await leaving.process.end('SIGTERM'), 0)
      assert.equal(await listed(), 0)
      await leaving.stop()
    })
  })
}

async function texts(url: string, count: number): Promise<readonly string[]> {
  const found: string[] = []
  for (let at = 0; at < count; at++) {
    const answer = await fetch(url)
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    found.push(text)
  }
  return found
}

async function eligible(gateway: GatewayProcess, upstream: string): Promise<number> {
  const upstreams = await gateway.ask<readonly { name: string; eligible: number }[]>('/upstreams')
  return upstreams.find(({ name }) => name === upstream)?.eligible ?? 0
}

function throughMesh(gateway: GatewayProcess, path: string, host: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(gateway.mesh)
  return new Promise((resolve, reject) => {
    get({ host: hostname, port, path, headers: { host } }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => void (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    }).on('error', reject)
  })
}
