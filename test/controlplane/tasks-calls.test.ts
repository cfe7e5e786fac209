import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { callTask } from '../../src/controlplane/tasks/call.ts'
import { serviceCaller } from '../../src/controlplane/tasks/service-caller.ts'
import type { ServiceCall, TaskContext } from '../../src/controlplane/tasks/task-kind.ts'
import { Mesh, type ServiceLookup } from '../../src/dataplane/mesh/mesh.ts'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'

const { dataPlane, instance } = dataPlaneFixture()

/** Runs a call, `GET http://app/`, against these instances. */
async function outcome(ports: readonly number[], lookUp?: ServiceLookup, changes: Partial<ServiceCall> = {}): Promise<string> {
  const { gateway, upstreams } = await dataPlane({ upstreams: { app: ports } })
  const find: ServiceLookup = lookUp ?? ((name) => upstreams.get(name) ?? assert.fail(name))
  const mesh = new Mesh({ gateway, lookUp: find, secret: [1, 2] })
  const call = serviceCaller(systemClock, (exchange) => mesh.serveTask(exchange))
  const { signal } = new AbortController()
  const context = { call: (request) => call({ ...request, headers: {}, signal }) } as Partial<TaskContext> as TaskContext
  return callTask.run({ method: 'GET', service: 'app', path: '/', ...changes }, context).catch((error: Error) => error.message)
}

describe('the call of a task', () => {
  it('names the status that the service gave', async () => {
    const { port } = await instance((_incoming, response) => void response.writeHead(403).end())
    assert.equal(await outcome([port]), 'GET http://app/ answered 403, expected 2xx')
  })

  it('tells a name that no service has from an answer of a service', async () =>
    assert.match(
      await outcome([], () => ({ code: 'service_unknown', detail: 'there is no service "app"' })),
      /^GET http:\/\/app\/ failed: there is no service "app" \(service_unknown\)$/,
    ))

  it('tells a service without instances', async () => assert.match(await outcome([]), / failed: .* \(no_instance\)$/))

  it('tells a registry that cannot say', async () =>
    assert.match(
      await outcome([], () => Promise.resolve({ code: 'upstream_unknown', detail: 'away' })),
      / failed: away \(upstream_unknown\)$/,
    ))

  for (const [what, changes, code] of [
    ['path', { path: '/a\u0120HTTP/1.1\u010d\u010aX-Fencing-Token:\u012099\u010d\u010aX:' }, 'bad_target'],
    ['path', { path: 'http://other/' }, 'bad_target'],
    ['service', { service: 'app\r\nX-Fencing-Token: 99' }, 'bad_host'],
    ['method', { method: 'GET / HTTP/1.1\r\nX: ' }, 'method_not_supported'],
  ] as const) {
    it(`sends nothing for a module whose ${what} would write more than that into the request (${code})`, async () => {
      const seen: unknown[] = []
      const { port } = await instance((incoming, response) => {
        seen.push(incoming.rawHeaders)
        response.end()
      })
      assert.match(await outcome([port], undefined, changes), new RegExp(`\\(${code}\\)$`))
      assert.deepEqual(seen, [])
    })
  }

  it('sends a path in normal form, with its query', async () => {
    const seen: unknown[] = []
    const { port } = await instance((incoming, response) => {
      seen.push(incoming.url)
      response.end()
    })
    await outcome([port], undefined, { path: '/a/../b/%41?x=/../%41' })
    assert.deepEqual(seen, ['/b/A?x=/../%41'])
  })

  it('tells an answer that was cut', async () => {
    const { port } = await instance((_incoming, response) => {
      response.writeHead(200, { 'content-length': '9' }).write('half')
      response.socket?.end()
    })
    assert.match(await outcome([port]), / failed: .* \(upstream_\w+\)$/)
  })
})
