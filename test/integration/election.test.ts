import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { after, afterEach, before, describe, it } from 'node:test'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { startElection, type Election, type Leadership } from '../../src/registry/election.ts'
import { silentLogger } from '../../src/logging.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { registryServers, type RegistryServerUnderTest } from '../registry/registry-servers.ts'
import { until } from '../support/until.ts'

interface Candidate {
  readonly election: Election
  readonly registry: Registry
  /** Monotonic ms and the term (null: lost) of each change. */
  readonly changes: { readonly at: number; readonly term: bigint | null; readonly leadership: Leadership | null }[]
}

interface Wire {
  readonly address: string
  /** From now on nothing passes, and nothing is closed: what a dead network looks like. */
  freeze(): void
  close(): Promise<void>
}

/** A wire to a TCP port that can be frozen. */
async function startWire(port: number): Promise<Wire> {
  const sockets = new Set<Socket>()
  let frozen = false
  const track = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }
  const server = createServer((incoming) => {
    track(incoming)
    if (frozen) return
    const outgoing = connect(port, '127.0.0.1')
    track(outgoing)
    incoming.on('data', (chunk) => frozen || outgoing.write(chunk))
    outgoing.on('data', (chunk) => frozen || incoming.write(chunk))
    incoming.on('close', () => frozen || outgoing.destroy())
    outgoing.on('close', () => frozen || incoming.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    freeze: () => void (frozen = true),
    close: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

// The slow case waits for a session to lapse: side by side.
describe('elections', { concurrency: true }, () => {
  for (const { name, skip, start } of registryServers) {
    describe(`the election on ${name}`, { skip, concurrency: false }, () => {
      let server: RegistryServerUnderTest
      const cleanups: (() => Promise<void>)[] = []
      let folders = 0

      before(async () => {
        server = await start()
      })

      afterEach(async () => {
        for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
      })

      after(() => server?.stop())

      const newPrefix = (): string => `gateway-${folders++}`

      interface Circumstances {
        readonly address?: string
        readonly shouldYield?: () => boolean
      }

      const stand = (name: string, prefix: string, circumstances: Circumstances = {}): Candidate => {
        const { address = server.address, shouldYield = () => false } = circumstances
        const shared = { clock: systemClock, random: systemRandom, logger: silentLogger }
        const registry = openConsulRegistry({ address, token: null, datacenter: null, ...shared })
        const changes: Candidate['changes'] = []
        const onChange = (leadership: Leadership | null): void => {
          changes.push({ at: systemClock.monotonic(), term: leadership?.term ?? null, leadership })
        }
        const election = startElection({ registry, key: `${prefix}/leader`, name, shouldYield, onChange, ...shared })
        cleanups.push(async () => {
          await election.close()
          await registry.close()
        })
        return { election, registry, changes }
      }

      it('lets exactly one of two lead, and both know who', async () => {
        const prefix = newPrefix()
        const [a, b] = [stand('a', prefix), stand('b', prefix)]
        await until('somebody leads and both know', () => a.election.leader !== null && b.election.leader !== null)
        const leaders = [a, b].filter(({ election }) => election.current !== null)
        assert.equal(leaders.length, 1)
        const name = leaders[0] === a ? 'a' : 'b'
        for (const { election } of [a, b]) assert.deepEqual(election.leader, { name, pid: process.pid, term: '1' })
        assert.equal(leaders[0]?.election.current?.term, 1n)
        assert.ok((leaders[0]?.election.current?.heldUntil ?? Infinity) <= systemClock.monotonic() + 9_000)
      })

      it('passes to the other one without delay, in a greater term, when the leader closes', async () => {
        const prefix = newPrefix()
        const a = stand('a', prefix)
        await until('a leads', () => a.election.current)
        const b = stand('b', prefix)
        await until('b knows that a leads', () => b.election.leader?.name === 'a')
        const { lost } = a.election.current ?? assert.fail('a does not lead')
        await a.election.close()
        assert.equal(lost.aborted, true)
        assert.equal(a.election.current, null)
        // Less than the lock-delay of 2 s: it was released, not orphaned.
        await until('b leads', () => b.election.current?.term === 2n, 1_900)
      })

      it('gives the lock back while it should yield, and takes it again when it is alone', async () => {
        const prefix = newPrefix()
        let yields = false
        const host = stand('host', prefix, { shouldYield: () => yields })
        await until('the host leads alone', () => host.election.current)
        const peer = stand('peer', prefix)
        yields = true
        await until('the peer leads', () => peer.election.current)
        assert.equal(host.election.current, null)
        yields = false
        await peer.election.close()
        await until('the host leads again', () => host.election.current?.term === 3n)
      })

      it('ends the term when somebody takes the lock away', async () => {
        const prefix = newPrefix()
        const a = stand('a', prefix)
        const { lost } = await until('a leads', () => a.election.current)
        const session = (await a.registry.kv.get(`${prefix}/leader`))?.session ?? ''
        await fetch(`${server.address}/v1/session/destroy/${session}`, { method: 'PUT' })
        await until('the term has ended', () => lost.aborted, 2_000)
        await until('a leads again in a greater term, after the lock-delay', () => a.election.current?.term === 2n, 15_000)
      })

      it('survives an entry that somebody wrote by hand', async () => {
        const prefix = newPrefix()
        await fetch(`${server.address}/v1/kv/${prefix}/leader`, { method: 'PUT', body: 'not json' })
        const a = stand('a', prefix)
        await until('a leads', () => a.election.current)
      })

      it('counts a leader with a hanging registry out before its session can end, and another takes over', async () => {
        const prefix = newPrefix()
        const wire = await startWire(Number(new URL(server.address).port))
        cleanups.push(() => wire.close())
        const a = stand('a', prefix, { address: wire.address })
        await until('a leads', () => a.election.current)
        const b = stand('b', prefix)
        await until('b knows that a leads', () => b.election.leader?.name === 'a')
        const frozenAt = systemClock.monotonic()
        wire.freeze()
        await until('b leads', () => b.election.current, 30_000)
        const [lost, won] = [a.changes.find(({ term }) => term === null), b.changes[0]]
        assert.ok(lost && won)
        assert.ok(lost.at - frozenAt <= 9_100, `a counted itself out after ${lost.at - frozenAt} ms`)
        assert.ok(lost.at < won.at - 2_000, `b won ${won.at - lost.at} ms after a had stopped`)
        assert.equal(a.election.current, null)
        assert.equal(won.term, 2n)
      })
    })
  }
})
