import { Refusal } from '../refusal.ts'
import { jsonAnswer } from './answer.ts'
import { decodeBody, durationNs, object } from './decode.ts'
import { parseUint64, requireDc } from './read-options.ts'
import type { Handler } from './registry.ts'
import { peerAddress, version } from './status.ts'

/** The single server of a cluster of one, as Consul's operator endpoints tell of it. */

export const raftConfiguration: Handler = ({ agent, datacenter }, { query, isPretty }) => {
  requireDc(query, datacenter)
  const server = {
    ID: agent.nodeId,
    Node: agent.node,
    Address: peerAddress(agent),
    Leader: true,
    ProtocolVersion: '3',
    Voter: true,
  }
  return jsonAnswer({ Servers: [server], Index: 0 }, isPretty)
}

export const removeRaftPeer: Handler = (_, { query }) => {
  const [id, address] = [query.get('id'), query.get('address')]
  if (!id === !address) {
    const reason = id
      ? 'Must specify only one of ?id or ?address'
      : "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove"
    throw new Refusal(400, `Bad request: ${reason}`)
  }
  const what = id ? `id ${JSON.stringify(id)}` : `address ${JSON.stringify(address)}`
  throw new Refusal(500, `${what} was not found in the Raft configuration`)
}

export const autopilotHealth: Handler = ({ agent, store, clock, datacenter }, { query, isPretty }) => {
  requireDc(query, datacenter)
  const server = {
    ID: agent.nodeId,
    Name: agent.node,
    Address: peerAddress(agent),
    SerfStatus: 'alive',
    Version: version,
    Leader: true,
    LastContact: '0s',
    LastTerm: 1,
    LastIndex: store.state.index('last'),
    Healthy: true,
    Voter: true,
    StableSince: `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
  }
  return jsonAnswer({ Healthy: true, FailureTolerance: 0, Servers: [server] }, isPretty)
}

export const autopilotConfiguration: Handler = ({ datacenter }, { query, isPretty }) => {
  requireDc(query, datacenter)
  const configuration = {
    CleanupDeadServers: true,
    LastContactThreshold: '200ms',
    MaxTrailingLogs: 250,
    MinQuorum: 0,
    ServerStabilizationTime: '10s',
    RedundancyZoneTag: '',
    DisableUpgradeMigration: false,
    UpgradeVersionTag: '',
    CreateIndex: 1,
    ModifyIndex: 1,
  }
  return jsonAnswer(configuration, isPretty)
}

/** There are no servers to look after, so what is set has no effect. */
export const setAutopilotConfiguration: Handler = (_, { query, body, isPretty }) => {
  decodeBody(body, autopilotFields, { refusal: 'Bad request: Error parsing autopilot config' })
  const cas = query.get('cas')
  if (cas !== null && parseUint64(cas) === null) {
    throw new Refusal(
      400,
      `Bad request: Error parsing cas value: strconv.ParseUint: parsing ${JSON.stringify(cas)}: invalid syntax`,
    )
  }
  return jsonAnswer(true, isPretty)
}

const autopilotFields = object({ LastContactThreshold: durationNs, ServerStabilizationTime: durationNs }, { ignoreUnknown: true })

export const keyring: Handler = ({ agent, datacenter }) => {
  const reasons = [
    'WAN error: 1/1 nodes reported failure',
    `${agent.node}.${datacenter}: Keyring is empty (encryption not enabled)`,
    `${datacenter} (LAN) error: 1/1 nodes reported failure`,
    `${agent.node}: Keyring is empty (encryption not enabled)`,
  ]
  throw new Refusal(500, `4 errors occurred:\n${reasons.map((reason) => `\t* ${reason}\n`).join('')}\n`)
}
