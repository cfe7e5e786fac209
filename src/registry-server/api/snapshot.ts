import { messageOf } from '../../errors.ts'
import { registerOwnNode } from '../own-node.ts'
import { Refusal } from '../refusal.ts'
import { readState, restoreState, writeState } from '../store/snapshot.ts'
import { done, readHeaders } from './answer.ts'
import { parseReadOptions, requireDc } from './read-options.ts'
import type { Handler } from './registry.ts'
import { packSnapshot, unpackSnapshot } from './snapshot-archive.ts'
import { peerAddress } from './status.ts'

/** Everything the registry knows, as one file. */
export const saveSnapshot: Handler = async ({ store, agent, clock, datacenter }, { query }) => {
  parseReadOptions(query, datacenter)
  const index = store.state.index('last')
  const server = { id: agent.nodeId, address: peerAddress(agent) }
  const body = await packSnapshot(await writeState(store.state), { index, atMs: clock.now(), server })
  return { status: 200, body, headers: ['Content-Type', 'application/x-gzip', ...readHeaders(index)] }
}

/** Puts a saved state in the place of all there is, in one step; what is damaged changes nothing. Whoever waits is answered. */
export const restoreSnapshot: Handler = async ({ store, agent, datacenter }, { query, body }) => {
  requireDc(query, datacenter)
  const snapshot = await readState(await unpackSnapshot(body), store.state.tables)
  await store.write((transaction) => {
    try {
      restoreState(transaction, snapshot)
    } catch (error) {
      throw new Refusal(500, `failed to read snapshot file: the state cannot be used: ${messageOf(error)}`)
    }
  })
  // It may be of a node with another name, which is ours now.
  await registerOwnNode(store, agent.node, agent.address)
  store.watches.wakeAll()
  return done
}
