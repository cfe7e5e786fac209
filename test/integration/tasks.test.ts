import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { createReceiver } from '../../examples/tasks/receiver.ts'
import { pause, systemClock as clock } from '../../src/clock.ts'
import { readRecord, type RunRecord } from '../../src/controlplane/tasks/run-record.ts'
import { freePorts, spawnMeshgate, type MeshgateProcess } from '../support/meshgate-process.ts'
import { put, registerInstance } from '../support/registries.ts'
import { startReplica, type Replica } from '../support/replica.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { until } from '../support/until.ts'

// `npm run soak` goes on for ten minutes; MESHGATE_SEED repeats a run, MESHGATE_TASKS_S shortens it.
const seconds = Number(process.env['MESHGATE_TASKS_S'] ?? 600)
const seed = Number(process.env['MESHGATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const skip = process.env['MESHGATE_SOAK']
  ? false
  : 'it takes ten minutes; its short form is test/controlplane/tasks-fleet.test.ts'
const RUNS = 'gateway/runs/soak/'

it(
  `five gateways whose clocks are up to 5 s apart run a fire every second once, whatever is killed, stopped, expired and restarted (seed ${seed})`,
  { skip },
  async () => {
    const random = seededRandom(seed)
    const world = await startWorld(random)
    try {
      await until('something has run', () => world.effects.size > 0, 60_000)
      const from = Date.now() + 6_000
      await disturb(world, random, from + seconds * 1_000)
      const to = Date.now() - 6_000
      await until(
        'all that was missed is made up for',
        async () => (await openOrMissing(world, from, to)).length === 0,
        120_000,
      ).catch(() => {})
      assert.deepEqual(await openOrMissing(world, from, to), [])
      for (const fireTime of secondsBetween(from, to)) assert.equal(world.effects.get(fireTime), 1, fireTime)
      assert.ok(world.refused > 0, 'no stale runner came')
      const taken = [...world.records.values()].filter(({ attempts }) => new Set(attempts.map(({ by }) => by)).size > 1).length
      const madeUp = [...world.records.values()].filter(({ cause }) => cause === 'catchUp').length
      console.log(
        `${secondsBetween(from, to).length} fires, each successful once; ${taken} taken over, ${madeUp} made up for, ${world.refused} stale requests refused; ${JSON.stringify(world.done)}`,
      )
    } finally {
      await world.stop()
    }
  },
)

interface World {
  readonly address: string
  readonly replicas: readonly Replica[]
  registry: MeshgateProcess
  readonly startRegistry: () => MeshgateProcess
  /** How often the work of each fire was done, by planned time. */
  readonly effects: ReadonlyMap<string, number>
  readonly records: Map<string, RunRecord>
  /** Requests that wait on the way to the receiver. */
  held: Promise<void> | null
  inFlight: number
  refused: number
  readonly done: Record<string, number>
  stop(): Promise<void>
}

async function startWorld(random: () => number): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-tasks-'))
  const [http = 0] = await freePorts(1)
  const address = `http://127.0.0.1:${http}`
  const startRegistry = (): MeshgateProcess =>
    spawnMeshgate(['registry', '--http', `127.0.0.1:${http}`, '--dns', 'off', '--data', join(folder, 'data')])
  const effects = new Map<string, number>()
  const replicas: Replica[] = []
  const receiver = createReceiver(join(folder, 'receiver.json'), async (key) => {
    const fireTime = readRecord(key, '')?.fireTime ?? key
    effects.set(fireTime, (effects.get(fireTime) ?? 0) + 1)
    return 'done'
  })
  const front = createFront(receiver, random)
  const world: World = {
    address,
    replicas,
    registry: startRegistry(),
    startRegistry,
    effects,
    records: new Map(),
    held: null,
    inFlight: 0,
    refused: 0,
    done: {},
    stop: async () => {
      for (const replica of replicas) replica.signal('SIGCONT')
      await Promise.all(replicas.map((replica) => replica.stop()))
      await world.registry.end('SIGKILL')
      front.server.closeAllConnections()
      front.server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  front.world = world
  try {
    front.server.listen(0, '127.0.0.1')
    await once(front.server, 'listening')
    const { port } = front.server.address() as AddressInfo
    await until('the registry serves', async () => (await fetch(`${address}/v1/status/leader`)).ok, 20_000)
    await registerInstance(address, 'receiver', port)
    await Promise.all(Array.from({ length: 5 }, async (_, at) => void replicas.push(await startOne(address, (at - 2) * 2_500))))
    return world
  } catch (error) {
    await world.stop()
    throw error
  }
}

function startOne(address: string, skewMs: number): Promise<Replica> {
  const preload = new URL('../support/skewed-clock.ts', import.meta.url).href
  return startReplica({
    registry: `{ consul: { address: "${address}", state: off } }`,
    env: { NODE_OPTIONS: `--import ${preload}`, MESHGATE_TEST_SKEW_MS: String(skewMs) },
    config: [
      'log: { level: warn }',
      'tasks:',
      '  - name: soak',
      '    cron: "* * * * * *"',
      '    timezone: Europe/Berlin',
      '    call: POST http://receiver/run',
      '    overlap: queue',
      '    catchUp: each',
      '    retry: { attempts: 5, backoff: 100ms, maxBackoff: 1s }',
    ].join('\n'),
  })
}

/** Stands before the receiver: takes some time, fails now and then, and holds requests while `held` says so. */
function createFront(receiver: Server, random: () => number): { readonly server: Server; world: World | null } {
  const front: { readonly server: Server; world: World | null } = {
    world: null,
    server: createServer((request, response) => {
      void (async () => {
        const { world } = front
        if (!world) return
        response.on('error', () => {})
        response.on('finish', () => void (response.statusCode === 409 && world.refused++))
        world.inFlight++
        await pause(clock, 20 + random() * 400)
        // Those on the way, and none that comes later: a request that was sent and has not arrived.
        const { held } = world
        await held
        world.inFlight--
        if (!held && random() < 0.02) response.writeHead(500).end()
        else receiver.emit('request', request, response)
      })()
    }),
  }
  return front
}

/** Does one of four things every 45 s, in the middle of a run. */
async function disturb(world: World, random: () => number, endAt: number): Promise<void> {
  const ways = ['kill', 'stop', 'expire', 'restart'] as const
  for (let at = 0; Date.now() < endAt; at++) {
    const way = ways[at % ways.length] ?? 'kill'
    await until('a run is under way', () => world.inFlight > 0, 60_000)
    const leader = await leaderOf(world)
    if (leader) {
      world.done[way] = (world.done[way] ?? 0) + 1
      await disturbances[way](world, leader)
    }
    for (let left = 3; left > 0; left--) {
      await pause(clock, 10_000 + random() * 5_000)
      await collect(world)
    }
  }
}

const disturbances = {
  kill: async (world: World, leader: Replica) => {
    const release = hold(world)
    await leader.kill()
    void pause(clock, 40_000).then(release)
    await leader.restart()
  },
  stop: async (world: World, leader: Replica) => {
    const release = hold(world)
    leader.signal('SIGSTOP')
    await pause(clock, 35_000)
    release()
    leader.signal('SIGCONT')
  },
  expire: async (world: World, _leader: Replica) => {
    const release = hold(world)
    const [entry] = (await (await fetch(`${world.address}/v1/kv/gateway/leader`)).json()) as { Session?: string }[]
    await put(world.address, `/v1/session/destroy/${entry?.Session ?? ''}`)
    void pause(clock, 15_000).then(release)
  },
  restart: async (world: World, _leader: Replica) => {
    await world.registry.end('SIGKILL')
    await pause(clock, 3_000)
    world.registry = world.startRegistry()
  },
}

/** Holds the requests that are under way now; gives what lets them go on. */
function hold(world: World): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  world.held = promise
  // What comes after the next leader's first request passes.
  void pause(clock, 500).then(() => void (world.held = null))
  return resolve
}

async function leaderOf({ replicas }: World): Promise<Replica | undefined> {
  for (const replica of replicas) {
    const view = replica.isAlive ? await replica.gateway.ask<{ isLeader: boolean }>('/tasks').catch(() => null) : null
    if (view?.isLeader) return replica
  }
  return undefined
}

/** Records are deleted after ten minutes. */
async function collect({ address, records }: World): Promise<void> {
  const answer = await fetch(`${address}/v1/kv/${RUNS}?recurse`).catch(() => null)
  if (!answer?.ok) return
  for (const { Key, Value } of (await answer.json()) as { Key: string; Value: string }[]) {
    const record = readRecord(Key.slice('gateway/runs/'.length), Buffer.from(Value, 'base64').toString())
    if (record) records.set(record.fireTime, record)
  }
}

/** The planned times without a successful record. */
async function openOrMissing(world: World, from: number, to: number): Promise<readonly string[]> {
  await collect(world)
  return secondsBetween(from, to).filter((fireTime) => world.records.get(fireTime)?.ok !== true)
}

function secondsBetween(from: number, to: number): readonly string[] {
  const first = Math.ceil(from / 1_000)
  return Array.from({ length: Math.floor(to / 1_000) - first }, (_, at) => new Date((first + at) * 1_000).toISOString())
}
