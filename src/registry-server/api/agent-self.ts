import { Refusal } from '../refusal.ts'
import { nodeKey } from '../store/state.ts'
import { jsonAnswer } from './answer.ts'
import { originCoordinate } from './coordinate.ts'
import type { Handler, Registry } from './registry.ts'
import { peerPort, version } from './status.ts'

// Where agents of Consul meet, in a datacenter and between datacenters.
const [serfPort, wanPort] = [8301, 8302]

export const agentSelf: Handler = (registry, { isPretty }) => {
  const { agent, store, datacenter } = registry
  const config = {
    Datacenter: datacenter,
    NodeName: agent.node,
    NodeID: agent.nodeId,
    Revision: 'meshgate',
    Server: true,
    Version: version,
  }
  const coordinate = store.state.coordinates.get(nodeKey(agent.node, ''))?.coordinate ?? originCoordinate
  const stats = {
    agent: {
      check_monitors: '0',
      check_ttls: '0',
      checks: String(agent.checks().length),
      services: String(agent.services().length),
    },
    build: { prerelease: '', revision: 'meshgate', version },
    consul: {
      bootstrap: 'true',
      known_datacenters: '1',
      leader: 'true',
      leader_addr: `${agent.address}:${peerPort}`,
      server: 'true',
    },
    raft: { applied_index: store.state.index('last').toString(), num_peers: '0', state: 'Leader' },
  }
  const meta = { 'consul-network-segment': '' }
  return jsonAnswer(
    {
      Config: config,
      DebugConfig: { EnableDebug: false },
      Coord: coordinate,
      Member: memberOf(registry, false),
      Stats: stats,
      Meta: meta,
    },
    isPretty,
  )
}

export const agentMembers: Handler = (registry, { query, isPretty }) => {
  if (!['', '_all'].includes(query.get('segment') ?? '')) {
    throw new Refusal(500, 'Network segments are not supported in this version of Consul')
  }
  return jsonAnswer([memberOf(registry, Boolean(query.get('wan')))], isPretty)
}

function memberOf({ agent, datacenter }: Registry, isWan: boolean): object {
  return {
    Name: isWan ? `${agent.node}.${datacenter}` : agent.node,
    Addr: agent.address,
    Port: isWan ? wanPort : serfPort,
    Tags: {
      acls: '0',
      bootstrap: '1',
      build: `${version}:`,
      dc: datacenter,
      ft_fs: '1',
      id: agent.nodeId,
      port: String(peerPort),
      raft_vsn: '3',
      role: 'consul',
      segment: '',
      vsn: '2',
      vsn_max: '3',
      vsn_min: '2',
      wan_join_port: isWan ? undefined : String(wanPort),
    },
    Status: 1,
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  }
}
