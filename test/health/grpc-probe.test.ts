import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createProbe, probeTable } from '../../src/health/table.ts'
import { startGrpcHealth, type GrpcHealthServer } from '../support/grpc-health.ts'
import { startInstance } from '../support/instance.ts'
import { selfSigned } from '../support/self-signed.ts'

const never = new AbortController().signal

function ask(port: number, value: unknown) {
  const options = probeTable['grpc']?.options.parse(value)
  return createProbe({ kind: 'grpc', options })({ host: '127.0.0.1', port }, never)
}

describe('the gRPC probe', () => {
  let server: GrpcHealthServer
  before(async () => {
    server = await startGrpcHealth({
      '': 1,
      up: 1,
      down: 2,
      unknown: 0,
      odd: 77,
      endless: (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
        stream.end(Buffer.alloc(100_000))
      },
      reset: (stream) => stream.close(2),
      garbage: (stream) => {
        stream.respond({ ':status': 200, 'grpc-status': '0' })
        stream.end('what')
      },
      cut: (stream) => stream.session?.destroy(),
    })
  })
  after(() => server.close())

  test('passes when the server, or the service that it asks about, says SERVING', async () => {
    assert.deepEqual(await ask(server.port, {}), { ok: true, detail: 'SERVING' })
    assert.deepEqual(await ask(server.port, { service: 'up' }), { ok: true, detail: 'SERVING' })
    assert.deepEqual(await ask(1, { port: server.port }), { ok: true, detail: 'SERVING' })
  })

  for (const [service, detail] of [
    ['down', /^NOT_SERVING$/],
    ['unknown', /^UNKNOWN$/],
    ['odd', /^serving status 77$/],
    ['missing', /^gRPC status 5 unknown service$/],
    ['endless', /more than 65536 bytes/],
    ['reset', /INTERNAL_ERROR|closed/],
    ['garbage', /no HealthCheckResponse/],
    ['cut', /closed|ECONNRESET|CANCEL|NO_ERROR/],
  ] as const) {
    test(`fails with the reason: ${service}`, async () => {
      const result = await ask(server.port, { service })
      assert.equal(result.ok, false)
      assert.match(result.detail, detail)
    })
  }

  test('fails at a server that speaks HTTP/1 only', async () => {
    const instance = await startInstance('plain')
    assert.equal((await ask(instance.port, {})).ok, false)
    await instance.kill()
  })

  test('speaks TLS, and wants a valid certificate unless it is told otherwise', async () => {
    const certificate = selfSigned
    const secure = await startGrpcHealth({ '': 1 }, certificate)
    assert.match((await ask(secure.port, { tls: {} })).detail, /self-signed|certificate/i)
    assert.deepEqual(await ask(secure.port, { tls: { verify: false } }), { ok: true, detail: 'SERVING' })
    assert.equal((await ask(secure.port, {})).ok, false)
    await secure.close()
  })
})
