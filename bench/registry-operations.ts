import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { HttpConnection } from './http-connection.ts'
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
  prepare?(server: RegistryProcess): Promise<void>
  run(server: RegistryProcess, seconds: number): Promise<Done>
}

const value = 'v'.repeat(60)
let registered = 0

/** What a registry does all day. */
export const operations: readonly Operation[] = [
  ...[1, 16, 64].map((writers) => ({
    name: `KV PUT, ${writers} writer${writers === 1 ? '' : 's'}`,
    target: writers === 16 ? 3 : null,
    run: loop(writers, (connection, writer, turn) => put(connection, `/v1/kv/load/${writer}/${turn % 100}`, `${value}${turn}`)),
  })),
  {
    name: 'KV GET, 16 readers',
    target: 0.8,
    prepare: (server) => once(server, 'PUT', '/v1/kv/read', value),
    run: loop(16, (connection) => ask(connection, '/v1/kv/read')),
  },
  { name: 'lock cycle (acquire, release), 16 sessions', target: 3, run: lockCycles },
  {
    name: 'session cycle (create, destroy), 16 clients',
    target: null,
    run: loop(16, async (connection) => {
      const { body } = await connection.request('PUT', '/v1/session/create', '{"LockDelay":"0s"}')
      await put(connection, `/v1/session/destroy/${(JSON.parse(body) as { ID: string }).ID}`)
    }),
  },
  {
    name: 'health query (10 instances), 16 readers',
    target: 2,
    prepare: registerInstances,
    run: loop(16, (connection) => ask(connection, '/v1/health/service/bench?passing')),
  },
  { name: 'agent registration of 1,000 services, 16 clients', target: 10, run: registerThousand },
  { name: 'DNS A (10 instances), 64 under way', target: 1, run: askDns },
  { name: 'wake-up of a blocking query (PUT sent to answer)', target: null, run: wakeUps },
]

function loop(
  clients: number,
  operation: (connection: HttpConnection, client: number, turn: number) => Promise<void>,
): Operation['run'] {
  return async (server, seconds) => {
    const connections = await open(server, clients)
    const startedAt = performance.now()
    const endAt = startedAt + seconds * 1000
    let operations = 0
    const work = async (connection: HttpConnection, client: number): Promise<void> => {
      for (let turn = 0; performance.now() < endAt; turn++) {
        await operation(connection, client, turn)
        operations++
      }
    }
    await Promise.all(connections.map(work))
    const done = { operations, seconds: (performance.now() - startedAt) / 1000 }
    for (const connection of connections) connection.close()
    return done
  }
}

async function lockCycles(server: RegistryProcess, seconds: number): Promise<Done> {
  const [connection] = (await open(server, 1)) as [HttpConnection]
  const ids: string[] = []
  for (let at = 0; at < 16; at++) {
    const { body } = await connection.request('PUT', '/v1/session/create', '{"LockDelay":"0s"}')
    ids.push((JSON.parse(body) as { ID: string }).ID)
  }
  const done = await loop(16, async (own, client) => {
    await put(own, `/v1/kv/lock/${client}?acquire=${ids[client]}`, 'x')
    await put(own, `/v1/kv/lock/${client}?release=${ids[client]}`, 'x')
  })(server, seconds)
  for (const id of ids) await put(connection, `/v1/session/destroy/${id}`)
  connection.close()
  return done
}

async function registerInstances(server: RegistryProcess): Promise<void> {
  for (let at = 1; at <= 10; at++) {
    const service = { ID: `bench-${at}`, Name: 'bench', Address: `198.51.100.${at}`, Port: 8000 + at, Tags: ['a'] }
    const check = { Name: 'up', TTL: '1h', Status: 'passing' }
    await once(server, 'PUT', '/v1/agent/service/register', JSON.stringify({ ...service, Check: check }))
  }
}

/** Registers new services, each with a check, and takes them away again, which is not measured. */
async function registerThousand(server: RegistryProcess): Promise<Done> {
  const connections = await open(server, 16)
  const ids = Array.from({ length: 1000 }, () => `registered-${registered++}`)
  const each = async (run: (connection: HttpConnection, id: string) => Promise<void>): Promise<number> => {
    const [startedAt, left] = [performance.now(), [...ids]]
    const work = async (connection: HttpConnection): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) await run(connection, id)
    }
    await Promise.all(connections.map(work))
    return (performance.now() - startedAt) / 1000
  }
  const seconds = await each((connection, id) =>
    put(connection, '/v1/agent/service/register', JSON.stringify(serviceOf(id, { TTL: '1h', Status: 'passing' }))),
  )
  const done = { operations: ids.length, seconds }
  cpuAtEnd.set(server, server.cpuSeconds())
  await each((connection, id) => put(connection, `/v1/agent/service/deregister/${id}`))
  for (const connection of connections) connection.close()
  return done
}

/** The CPU time of a server when the measured part of a run had ended, for runs that clean up after it. */
export const cpuAtEnd = new Map<RegistryProcess, number>()

function serviceOf(id: string, check: object): object {
  return { ID: id, Name: id.replace(/\d$/, ''), Port: 8080, Address: '127.0.0.1', Check: check }
}

/** Fills a server with services of many nodes, each with a check. */
export async function fillCatalog(server: RegistryProcess, services: number): Promise<void> {
  const connections = await open(server, 16)
  let at = 0
  const work = async (connection: HttpConnection): Promise<void> => {
    while (at < services) {
      const id = `filled-${at++}`
      const service = { ID: id, Service: `filled-${at % 500}`, Port: 8080, Tags: ['a', 'b'], Meta: { version: '1' } }
      const check = { Name: 'up', CheckID: `check-${id}`, Status: 'passing', ServiceID: id }
      const body = { Node: `node-${at % 100}`, Address: '192.0.2.1', Service: service, Check: check }
      await put(connection, '/v1/catalog/register', JSON.stringify(body))
    }
  }
  await Promise.all(connections.map(work))
  for (const connection of connections) connection.close()
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
  await put(writer, '/v1/kv/wake', 'start')
  const latenciesMs: number[] = []
  const startedAt = performance.now()
  while (performance.now() < startedAt + seconds * 1000) {
    const { head } = await reader.request('GET', '/v1/kv/wake')
    const woken = reader.request('GET', `/v1/kv/wake?wait=10s&index=${/x-consul-index: (\d+)/i.exec(head)?.[1]}`)
    // Time for the query to be held: what is measured is the wake-up.
    await new Promise((resolve) => setTimeout(resolve, 3))
    const sentAt = performance.now()
    const written = put(writer, '/v1/kv/wake', `at ${sentAt}`)
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

async function put(connection: HttpConnection, path: string, body = ''): Promise<void> {
  const answer = await connection.request('PUT', path, body)
  if (answer.status !== 200 || answer.body.startsWith('false')) throw new Error(`PUT ${path}: ${answer.status} ${answer.body}`)
}

async function ask(connection: HttpConnection, path: string): Promise<void> {
  const { status, body } = await connection.request('GET', path)
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${body}`)
}

async function once(server: RegistryProcess, method: string, path: string, body: string): Promise<void> {
  const connection = await HttpConnection.open(server.http)
  const answer = await connection.request(method, path, body)
  connection.close()
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
}
