import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { bodyOf, HttpConnection, requestText } from './http-connection.ts'
import type { RegistryProcess } from './registry-servers.ts'

/** What was done, and how long it took. */
export interface Done {
  readonly operations: number
  readonly seconds: number
  /** How long each one took, ms; only where that is what is asked for. */
  readonly latenciesMs?: readonly number[]
}

export interface Operation {
  readonly name: string
  /** The ratio that meshgate is to reach; null: none is named. */
  readonly target: number | null
  /** Once per server, before anything is measured. */
  prepare?(server: RegistryProcess): Promise<unknown>
  run(server: RegistryProcess, seconds: number): Promise<Done>
}

const value = 'v'.repeat(60)
let registered = 0

/** What a registry does all day. */
export const operations: readonly Operation[] = [
  ...[1, 16, 64].map((writers) => ({
    name: `KV PUT, ${writers} writer${writers === 1 ? '' : 's'}`,
    target: writers === 16 ? 3 : null,
    run: loop({
      clients: writers,
      request: (writer, turn) => requestText('PUT', `/v1/kv/load/${writer}/${turn % 100}`, `${value}${turn}`),
    }),
  })),
  {
    name: 'KV GET, 16 readers',
    target: 0.8,
    prepare: (server) => once(server, requestText('PUT', '/v1/kv/read', value)),
    run: loop({ clients: 16, request: always(requestText('GET', '/v1/kv/read')) }),
  },
  { name: 'lock cycle (acquire, release), 16 sessions', target: 3, run: lockCycles },
  {
    name: 'session cycle (create, destroy), 16 clients',
    target: null,
    run: loop({
      clients: 16,
      requestsEach: 2,
      request: (_, turn, before) =>
        turn % 2 === 0 ? createSession : requestText('PUT', `/v1/session/destroy/${sessionIn(before)}`),
    }),
  },
  {
    name: 'health query (10 instances), 16 readers',
    target: 2,
    prepare: registerInstances,
    run: loop({ clients: 16, request: always(requestText('GET', '/v1/health/service/bench?passing')) }),
  },
  { name: 'agent registration of 1,000 services, 16 clients', target: 10, run: registerThousand },
  { name: 'DNS A (10 instances), 64 under way', target: 1, run: askDns },
  { name: 'wake-up of a blocking query (PUT sent to answer)', target: null, run: wakeUps },
]

interface Load {
  readonly clients: number
  /** How many requests make one operation; default 1. */
  readonly requestsEach?: number
  /** The next request of a client; `before`: the answer to its last one. */
  readonly request: (client: number, turn: number, before: string) => string
}

function loop({ clients, requestsEach = 1, request }: Load): Operation['run'] {
  return async (server, seconds) => {
    const endAt = performance.now() + seconds * 1000
    const nextOf = (client: number, turn: number, before: string): string | null =>
      turn % requestsEach === 0 && performance.now() >= endAt ? null : request(client, turn, before)
    const done = await drive(server, clients, nextOf)
    return { ...done, operations: done.operations / requestsEach }
  }
}

/** Has clients send one request after the other, until there is no next one for any of them. */
async function drive(
  server: RegistryProcess,
  clients: number,
  nextOf: (client: number, turn: number, before: string) => string | null,
): Promise<Done> {
  const connections = await open(server, clients)
  const startedAt = performance.now()
  let operations = 0
  const work = (connection: HttpConnection, client: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let turn = 0
      const go = (before: string): void => {
        const request = nextOf(client, turn, before)
        if (request === null) return resolve()
        turn++
        connection.send(request)
      }
      const take = (status: number, text: string): void => {
        if (status !== 200 || text.endsWith('\r\n\r\nfalse')) return reject(new Error(`not done: ${text}`))
        operations++
        go(text)
      }
      connection.listen(take, reject)
      go('')
    })
  try {
    await Promise.all(connections.map(work))
    return { operations, seconds: (performance.now() - startedAt) / 1000 }
  } finally {
    for (const connection of connections) connection.close()
  }
}

const createSession = requestText('PUT', '/v1/session/create', '{"LockDelay":"0s"}')

function always(request: string): Load['request'] {
  return () => request
}

function sessionIn(answer: string): string {
  return (JSON.parse(bodyOf(answer)) as { ID: string }).ID
}

async function lockCycles(server: RegistryProcess, seconds: number): Promise<Done> {
  const ids: string[] = []
  for (let at = 0; at < 16; at++) ids.push(sessionIn(await once(server, createSession)))
  const wanted = ['acquire', 'release'].map((what) =>
    ids.map((id, client) => requestText('PUT', `/v1/kv/lock/${client}?${what}=${id}`, 'x')),
  )
  const request: Load['request'] = (client, turn) => wanted[turn % 2]?.[client] ?? ''
  const done = await loop({ clients: 16, requestsEach: 2, request })(server, seconds)
  for (const id of ids) await once(server, requestText('PUT', `/v1/session/destroy/${id}`))
  return done
}

async function registerInstances(server: RegistryProcess): Promise<void> {
  for (let at = 1; at <= 10; at++) {
    const service = { ID: `bench-${at}`, Name: 'bench', Address: `198.51.100.${at}`, Port: 8000 + at, Tags: ['a'] }
    const check = { Name: 'up', TTL: '1h', Status: 'passing' }
    await once(server, requestText('PUT', '/v1/agent/service/register', JSON.stringify({ ...service, Check: check })))
  }
}

/** Registers new services, each with a check, and takes them away again, which is not measured. */
async function registerThousand(server: RegistryProcess): Promise<Done> {
  const ids = Array.from({ length: 1000 }, () => `registered-${registered++}`)
  const check = { TTL: '1h', Status: 'passing' }
  const bodies = ids.map((id) => JSON.stringify(serviceOf(id, check)))
  const done = await driveAll(
    server,
    bodies.map((body) => requestText('PUT', '/v1/agent/service/register', body)),
  )
  cpuAtEnd.set(server, server.cpuSeconds())
  await driveAll(
    server,
    ids.map((id) => requestText('PUT', `/v1/agent/service/deregister/${id}`)),
  )
  return done
}

/** Has 16 clients send these requests between them. */
function driveAll(server: RegistryProcess, requests: readonly string[]): Promise<Done> {
  let at = 0
  return drive(server, 16, () => requests[at++] ?? null)
}

/** The CPU time of a server when the measured part of a run had ended, for runs that clean up after it. */
export const cpuAtEnd = new Map<RegistryProcess, number>()

function serviceOf(id: string, check: object): object {
  return { ID: id, Name: id.replace(/\d$/, ''), Port: 8080, Address: '127.0.0.1', Check: check }
}

/** Fills a server with services of many nodes, each with a check. */
export async function fillCatalog(server: RegistryProcess, services: number): Promise<void> {
  const bodies = Array.from({ length: services }, (_, at) => {
    const id = `filled-${at}`
    const service = { ID: id, Service: `filled-${(at + 1) % 500}`, Port: 8080, Tags: ['a', 'b'], Meta: { version: '1' } }
    const check = { Name: 'up', CheckID: `check-${id}`, Status: 'passing', ServiceID: id }
    return JSON.stringify({ Node: `node-${(at + 1) % 100}`, Address: '192.0.2.1', Service: service, Check: check })
  })
  await driveAll(
    server,
    bodies.map((body) => requestText('PUT', '/v1/catalog/register', body)),
  )
}

async function askDns({ dns }: RegistryProcess, seconds: number): Promise<Done> {
  const load = fileURLToPath(new URL('dns-load.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [load, String(dns), String(seconds), '64'])
  const { answered, perSecond, answersInLast } = JSON.parse(stdout) as Record<'answered' | 'perSecond' | 'answersInLast', number>
  if (answersInLast !== 10) throw new Error(`${answersInLast} records in an answer, not 10`)
  return { operations: answered, seconds: answered / perSecond }
}

async function wakeUps(server: RegistryProcess, seconds: number): Promise<Done> {
  const [reader, writer] = (await open(server, 2)) as [HttpConnection, HttpConnection]
  await writer.ask(requestText('PUT', '/v1/kv/wake', 'start'))
  const latenciesMs: number[] = []
  const startedAt = performance.now()
  while (performance.now() < startedAt + seconds * 1000) {
    const { text } = await reader.ask(requestText('GET', '/v1/kv/wake'))
    const woken = reader.ask(requestText('GET', `/v1/kv/wake?wait=10s&index=${/x-consul-index: (\d+)/i.exec(text)?.[1]}`))
    // Time for the query to be held: what is measured is the wake-up.
    await new Promise((resolve) => setTimeout(resolve, 3))
    const sentAt = performance.now()
    const written = writer.ask(requestText('PUT', '/v1/kv/wake', `at ${sentAt}`))
    await woken
    latenciesMs.push(performance.now() - sentAt)
    await written
  }
  reader.close()
  writer.close()
  return { operations: latenciesMs.length, seconds: (performance.now() - startedAt) / 1000, latenciesMs }
}

function open(server: RegistryProcess, count: number): Promise<HttpConnection[]> {
  return Promise.all(Array.from({ length: count }, () => HttpConnection.open(server.http)))
}

/** Sends one request on a connection of its own and gives the answer. */
async function once(server: RegistryProcess, request: string): Promise<string> {
  const connection = await HttpConnection.open(server.http)
  const { status, text } = await connection.ask(request)
  connection.close()
  if (status !== 200) throw new Error(`${request.split('\r\n', 1)[0]}: ${text}`)
  return text
}
