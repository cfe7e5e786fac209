import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request as requestHttp } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { seededRandom } from '../support/seeded-random.ts'
import { fuzzRequest, type FuzzRequest } from './fuzz-requests.ts'
import { call, makeFolder } from './registry.ts'
import { spawnRegistry, type SpawnedRegistry } from './spawned.ts'

const total = process.env['MESHGATE_SOAK'] === '1' ? 1_000_000 : Number(process.env['FUZZ'] ?? 3_000)
const perRound = 500
const atOnce = 16
const deadlineMs = 5_000
const mostResidentBytes = 400 * 1024 * 1024

async function send(
  url: string,
  agent: Agent,
  { method, target, headers, body, tellsLength }: FuzzRequest,
): Promise<{ status: number; text: string }> {
  const framing = tellsLength ? { 'Content-Length': String(body.length) } : { 'Transfer-Encoding': 'chunked' }
  const request = requestHttp(url, {
    agent,
    method,
    path: target,
    headers: { ...headers, ...(body.length > 0 ? framing : {}) },
    signal: AbortSignal.timeout(deadlineMs),
  })
  if (body.length > 0) request.write(body)
  request.end()
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream & { statusCode: number }]
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return { status: response.statusCode, text: Buffer.concat(chunks).toString() }
}

/** Sends bytes that are nearly a request, and waits until the server has said what it has to say. */
async function sendRaw(url: string, { method, target, headers, body }: FuzzRequest, random: () => number): Promise<void> {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields.join('')}Content-Length: ${body.length}\r\n\r\n`
  const bytes = Buffer.concat([Buffer.from(head), body.subarray(0, 1000)])
  for (let n = 0; n < 3; n++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  socket.end(bytes)
  socket.setTimeout(deadlineMs, () => socket.destroy(new Error('no answer')))
  socket.resume()
  await once(socket, 'close')
}

function residentBytes({ pid }: SpawnedRegistry): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

/** Takes away what the requests have left, so that memory that only grows is seen. */
async function cleanUp(url: string): Promise<void> {
  await call(`${url}/v1/kv/?recurse`, 'DELETE')
  for (const { ID } of (await call(`${url}/v1/session/list`, 'GET')).json<{ ID: string }[]>())
    await call(`${url}/v1/session/destroy/${ID}`, 'PUT')
  for (const { ID } of (await call(`${url}/v1/query`, 'GET')).json<{ ID: string }[]>())
    await call(`${url}/v1/query/${ID}`, 'DELETE')
  for (const id of Object.keys((await call(`${url}/v1/agent/services`, 'GET')).json<object>()))
    await call(`${url}/v1/agent/service/deregister/${encodeURIComponent(id)}`, 'PUT')
  for (const id of Object.keys((await call(`${url}/v1/agent/checks`, 'GET')).json<object>()))
    await call(`${url}/v1/agent/check/deregister/${encodeURIComponent(id)}`, 'PUT')
  for (const { Node } of (await call(`${url}/v1/catalog/nodes`, 'GET')).json<{ Node: string }[]>())
    if (Node !== 'n1') await call(`${url}/v1/catalog/deregister`, 'PUT', { Node })
}

test(`${total} random and mutated requests: each is answered, none makes the registry fail, memory stays bounded`, async (context) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  context.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  const registry = await spawnRegistry(context, makeFolder(context))
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  context.after(() => agent.destroy())
  const statuses = new Map<number, number>()
  const sendOne = async (request: FuzzRequest): Promise<void> => {
    const told = `${request.method} ${request.target} ${JSON.stringify(request.headers)} ${request.body.toString('latin1').slice(0, 500)}`
    try {
      if (random() < 0.05) return await sendRaw(registry.url, request, random)
      const { status, text } = await send(registry.url, agent, request)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      // 503 is what the health of an agent's service is told with.
      assert.ok(status < 501 || (status === 503 && request.target.includes('/v1/agent/health/')), `${status} ${text}`)
      // What the registry says when it has met something that nobody thought of.
      assert.notEqual(text, 'internal error')
    } catch (error) {
      throw new Error(`round of seed ${seed}: ${told}`, { cause: error })
    }
  }
  for (let sent = 0; sent < total; sent += perRound) {
    const requests = fc.sample(fuzzRequest, { numRuns: perRound, seed: seed + sent })
    const next = async (): Promise<void> => {
      for (let request = requests.pop(); request; request = requests.pop()) await sendOne(request)
    }
    await Promise.all(Array.from({ length: atOnce }, next))
    await cleanUp(registry.url)
    const resident = residentBytes(registry)
    assert.ok(resident < mostResidentBytes, `${resident} bytes resident after ${sent + perRound} requests, seed ${seed}`)
  }
  context.diagnostic(
    `answers by status: ${JSON.stringify(Object.fromEntries(statuses))}; ${Math.round(residentBytes(registry) / 2 ** 20)} MiB resident`,
  )
  assert.equal((await call(`${registry.url}/v1/kv/after`, 'PUT', 'x')).text, 'true')
  assert.equal((await call(`${registry.url}/v1/kv/after?raw`, 'GET')).text, 'x')
})
