import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { skipWithoutConsul, startConsulCluster, type TestConsul, type TestConsulCluster } from '../support/consul.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'
import { isInOrder, startMarkedLoad, type MarkedLoad } from '../support/marked-load.ts'
import { runMeshgate } from '../support/meshgate-process.ts'
import { registerInstance, put } from '../support/registries.ts'
import { startReplica, type Replica } from '../support/replica.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { until } from '../support/until.ts'

// `npm run soak` goes on for ten minutes; MESHGATE_SEED repeats a run.
const durationMs = process.env['MESHGATE_SOAK'] ? 600_000 : 8_000
const seed = Number(process.env['MESHGATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const replicaCount = process.env['MESHGATE_SOAK'] ? 5 : 3

const config = `
defaults: { health: { every: 200ms, timeout: 500ms } }
log: { level: warn, access: false }
`

it(
  `a fleet on three servers of Consul serves without a failed request and without a mix of two revisions, whatever is killed, paused, applied and rolled back (seed ${seed})`,
  { skip: skipWithoutConsul() },
  async () => {
    const fleet = await startFleet()
    let load: MarkedLoad | null = null
    try {
      assert.ok(await apply(fleet, 'm0'))
      await untilAllShow(fleet, 'm0', 10_000)
      load = startMarkedLoad(fleet.replicas, ['/a/', '/b/'])
      await disturb(fleet)
      assert.ok(await apply(fleet, 'last'))
      const appliedAt = performance.now()
      await untilAllShow(fleet, 'last', 2_000)
      const togetherMs = Math.round(performance.now() - appliedAt)
      const { sent, failed, failures, sightings } = await load.stop()
      assert.equal(failed, 0, `${failed} of ${sent} requests failed: ${failures.join('\n')}`)
      for (const seen of sightings)
        assert.ok(isInOrder(seen, fleet.putInForce), `seen: ${seen.join(' ')}; in force: ${fleet.putInForce.join(' ')}`)
      assert.ok(sent > durationMs / 20, `only ${sent} requests were sent`)
      console.log(`${sent} requests, 0 failed; ${fleet.putInForce.length} changes; together ${togetherMs} ms after the last one`)
    } finally {
      await load?.stop()
      await stopFleet(fleet)
    }
  },
)

interface Fleet {
  readonly cluster: TestConsulCluster
  /** Is never disturbed: the instances are registered with it, and revisions are applied through it. */
  readonly agent: TestConsul
  readonly replicas: readonly Replica[]
  readonly instances: readonly TestInstance[]
  readonly random: () => number
  readonly folder: string
  /** The marker of each revision that was applied. */
  readonly revisions: Map<string, string>
  /** The markers in the order in which they were, or may have been, put in force. */
  readonly putInForce: string[]
}

/** All kinds of trouble at once, each in a loop of its own, until the time is over and all is well again. */
async function disturb(fleet: Fleet): Promise<void> {
  const endsAt = performance.now() + durationMs
  const goesOn = (): boolean => performance.now() < endsAt
  await Promise.all([
    changeRevisions(fleet, goesOn),
    disturbServers(fleet, goesOn),
    disturbReplicas(fleet, goesOn),
    roll(fleet, goesOn),
  ])
}

async function changeRevisions(fleet: Fleet, goesOn: () => boolean): Promise<void> {
  for (let at = 1; goesOn(); at++) {
    await (at % 3 === 0 ? rollBack(fleet) : apply(fleet, `m${at}`))
    await rest(500 + fleet.random() * 500)
  }
}

/** The leader is killed and comes back; two of three are paused, so that the third has no quorum. */
async function disturbServers({ cluster, random }: Fleet, goesOn: () => boolean): Promise<void> {
  for (let at = 0; goesOn(); at++) {
    const leader = await cluster.leader()
    const victims = at % 2 === 0 ? [leader] : [leader, cluster.servers.find((server) => server !== leader) as TestConsul]
    if (at % 2 === 0) await leader.kill()
    else for (const victim of victims) victim.pause()
    await rest(2_000 + random() * 2_000)
    if (at % 2 === 0) leader.restart()
    else for (const victim of victims) victim.resume()
    await cluster.leader()
    await rest(1_000 + random() * 2_000)
  }
}

/** One at a time. */
async function disturbReplicas({ replicas, random }: Fleet, goesOn: () => boolean): Promise<void> {
  while (goesOn()) {
    const victim = replicas[Math.floor(random() * replicas.length)] as Replica
    await victim.kill()
    await rest(random() * 1_000)
    await victim.restart()
    await rest(1_000)
  }
}

/** Instances crash and come back, or leave in order and are registered again, one at a time. */
async function roll({ instances, agent, random }: Fleet, goesOn: () => boolean): Promise<void> {
  for (let at = 0; goesOn(); at++) {
    const victim = instances[at % instances.length] as TestInstance
    const leaves = at % 2 === 1
    if (leaves) await put(agent.address, `/v1/agent/service/deregister/${victim.name}`)
    // Without a leader the agent keeps it to itself for a while: the instance goes anyway, and the probes are what is left.
    await rest(300)
    await victim.kill()
    await rest(300 + random() * 300)
    await victim.restart()
    if (leaves) await registerInstance(agent.address, 'hello', victim.port, victim.name)
    await rest(1_500)
  }
}

async function startFleet(): Promise<Fleet> {
  const cluster = await startConsulCluster(3)
  const agent = await cluster.addAgent()
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-fleet-'))
  const random = seededRandom(seed)
  const instances = await Promise.all(Array.from({ length: 4 }, (_, at) => startInstance(`hello-${at}`)))
  for (const { port, name } of instances) await registerInstance(agent.address, 'hello', port, name)
  // Each replica has an agent of its own: a server, which may be killed or paused, or the one that stays.
  const agents = [agent, ...cluster.servers]
  const replicas = await Promise.all(
    Array.from({ length: replicaCount }, (_, at) =>
      startReplica({ registry: `{ consul: { address: "${agents[at % agents.length]?.address}" } }`, config }),
    ),
  )
  return { cluster, agent, replicas, instances, random, folder, revisions: new Map(), putInForce: [] }
}

async function stopFleet({ cluster, replicas, instances, folder }: Fleet): Promise<void> {
  for (const server of cluster.servers) server.resume()
  await Promise.all(replicas.map((replica) => replica.stop()))
  await cluster.stop()
  for (const instance of instances) await instance.kill()
  await rm(folder, { recursive: true, force: true })
}

/** Two routes that show the same marker. False: it was not applied, or nobody could tell whether it was. */
async function apply(fleet: Fleet, marker: string): Promise<boolean> {
  const file = join(fleet.folder, `${marker}.yaml`)
  const routes = ['a', 'b'].map(
    (path) =>
      `  - { name: ${path}, match: { path: /${path}/* }, filters: [{ setHeaders: { response: { x-marker: ${marker} } } }], to: hello }`,
  )
  await writeFile(file, `routes:\n${routes.join('\n')}\n`)
  const revision = await putInForce(fleet, ['apply', file], marker)
  if (revision !== null) fleet.revisions.set(revision, marker)
  return revision !== null
}

/** Back to any of the revisions that were applied. */
async function rollBack(fleet: Fleet): Promise<void> {
  const { revisions, random } = fleet
  const [revision, marker] = [...revisions][Math.floor(random() * revisions.size)] ?? []
  if (revision !== undefined && marker !== undefined) await putInForce(fleet, ['rollback', revision], marker)
}

/** As a person does it, at a replica that lives. Gives the revision; null when it says that it was not done, or cannot tell. */
async function putInForce({ replicas, putInForce: all }: Fleet, args: readonly string[], marker: string): Promise<string | null> {
  const asked = replicas.find(({ isAlive }) => isAlive)
  if (!asked) return null
  all.push(marker)
  const { code, output } = await runMeshgate([...args, '--yes', '--json', '--admin', asked.gateway.adminAddress])
  return code === 0 ? (JSON.parse(output) as { revision: string }).revision : null
}

async function untilAllShow({ replicas }: Fleet, marker: string, limitMs: number): Promise<void> {
  await until(
    `all replicas serve ${marker}`,
    async () => {
      const shown = await Promise.all(
        replicas.map(async ({ gateway }) => (await fetch(`${gateway.web}/a/`)).headers.get('x-marker')),
      )
      return shown.every((one) => one === marker)
    },
    limitMs,
  )
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
