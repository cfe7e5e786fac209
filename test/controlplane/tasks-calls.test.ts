import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { callTask } from '../../src/controlplane/tasks/call.ts'
import { serviceCaller } from '../../src/controlplane/tasks/service-caller.ts'
import type { TaskContext } from '../../src/controlplane/tasks/task-kind.ts'
import { Mesh, type ServiceLookup } from '../../src/dataplane/mesh/mesh.ts'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'

const { dataPlane, instance } = dataPlaneFixture()

/** Runs `GET http://app/` against these instances. */
async function outcome(ports: readonly number[], lookUp?: ServiceLookup): Promise<string> {
  const { gateway, upstreams } = await dataPlane({ upstreams: { app: ports } })
  const find: ServiceLookup = lookUp ?? ((name) => upstreams.get(name) ?? assert.fail(name))
  const mesh = new Mesh({ gateway, lookUp: find, secret: [1, 2] })
  const call = serviceCaller(systemClock, (exchange) => mesh.serveTask(exchange))
  const { signal } = new AbortController()
  const context = { call: (request) => call({ ...request, headers: {}, signal }) } as Partial<TaskContext> as TaskContext
  return callTask.run({ method: 'GET', service: 'app', path: '/' }, context).catch((error: Error) => error.message)
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

  it('tells an answer that was cut', async () => {
    const { port } = await instance((_incoming, response) => {
      response.writeHead(200, { 'content-length': '9' }).write('half')
      response.socket?.end()
    })
    assert.match(await outcome([port]), / failed: .* \(upstream_\w+\)$/)
  })
})
