import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { after, it } from 'node:test'
import { FormData as UndiciFormData, request } from 'undici'
import type { Mesh } from '../../src/client/connect.ts'
import { startEmbedded } from '../controlplane/embedded.ts'
import type { Answer, TestInstance } from '../support/instance.ts'
import { killAll, openTestMesh, startService } from './open-mesh.ts'

/** Tells what came. */
const echo: Answer = (incoming, response) => {
  const pieces: Buffer[] = []
  incoming.on('data', (piece: Buffer) => pieces.push(piece))
  incoming.on('end', () => {
    const body = Buffer.concat(pieces).toString()
    response.end(JSON.stringify({ method: incoming.method, url: incoming.url, headers: incoming.headers, body }))
  })
}

interface Echoed {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

async function sendForm(mesh: Mesh, body: unknown): Promise<Echoed> {
  const init = { method: 'PUT', body: body as string, headers: { 'x-a': '1' } }
  return (await (await mesh.fetch('http://forms/p?q=1', init)).json()) as Echoed
}

async function sendStream(mesh: Mesh, body: Readable | string | object, headers: Record<string, string> = {}): Promise<Echoed> {
  const options = {
    dispatcher: mesh.dispatcher,
    method: 'POST',
    body: body as string,
    headers,
    query: { a: ['1', '2'] },
  } as const
  return (await (await request('http://forms/s', options)).body.json()) as Echoed
}

it('calls carry every form of body whole, with the length where it is known', async () => {
  const server = await startEmbedded()
  const mesh = await openTestMesh(server.address)
  const instances: TestInstance[] = []
  after(async () => {
    await mesh.close()
    await killAll(instances)
    await server.close()
  })
  const [first] = await startService({ mesh, registry: server.address, instances }, 'forms', [echo])
  assert.ok(first)
  assert.deepEqual(
    await sendForm(mesh, 'text').then(({ method, url, body, headers }) => [
      method,
      url,
      body,
      headers['content-length'],
      headers['x-a'],
      headers['host'],
    ]),
    ['PUT', '/p?q=1', 'text', '4', '1', 'forms'],
  )
  assert.equal((await sendForm(mesh, Buffer.from('bytes'))).body, 'bytes')
  assert.equal((await sendForm(mesh, new Blob(['blob']))).body, 'blob')
  const form = new FormData()
  form.append('field', 'value')
  assert.match((await sendForm(mesh, form)).body, /name="field"\r\n\r\nvalue/)
  const ownForm = new UndiciFormData()
  ownForm.append('field', 'value')
  for (const each of [form, ownForm]) assert.match((await sendStream(mesh, each)).body, /name="field"\r\n\r\nvalue/)
  const streamed = await sendStream(mesh, Readable.from(['a', 'b']))
  assert.deepEqual([streamed.body, streamed.url, streamed.headers['transfer-encoding']], ['ab', '/s?a=1&a=2', 'chunked'])
  assert.equal((await sendStream(mesh, Readable.from(['abc']), { 'content-length': '3' })).headers['content-length'], '3')
  await assert.rejects(sendStream(mesh, Readable.from(['abcd']), { 'content-length': '3' }), {
    code: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  })
  await assert.rejects(sendStream(mesh, 'abcd', { 'content-length': '3' }), { code: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH' })
  await assert.rejects(sendStream(mesh, 'x', { 'x-a': 'a\r\nb: c' }), { code: 'UND_ERR_INVALID_ARG' })
})
