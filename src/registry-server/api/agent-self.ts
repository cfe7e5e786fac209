import { jsonAnswer } from './answer.ts'
import type { Handler, Registry } from './registry.ts'

/** The Consul whose HTTP API this registry answers: clients choose what they may ask by it. */
const version = '1.8.7'
const serfPort = 8301

export const agentSelf: Handler = (registry, { isPretty }) => {
  const { agent, datacenter } = registry
  const config = {
    Datacenter: datacenter,
    NodeName: agent.node,
    NodeID: agent.nodeId,
    Revision: 'meshgate',
    Server: true,
    Version: version,
  }
  const coordinate = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 0.00001 }
  const meta = { 'consul-network-segment': '' }
  return jsonAnswer(
    { Config: config, DebugConfig: {}, Coord: coordinate, Member: memberOf(registry), Stats: {}, Meta: meta },
    isPretty,
  )
}

export const agentMembers: Handler = (registry, { isPretty }) => jsonAnswer([memberOf(registry)], isPretty)

function memberOf({ agent, datacenter }: Registry): object {
  return {
    Name: agent.node,
    Addr: agent.address,
    Port: serfPort,
    Tags: {
      acls: '0',
      bootstrap: '1',
      build: `${version}:`,
      dc: datacenter,
      id: agent.nodeId,
      port: '8300',
      role: 'consul',
      segment: '',
      vsn: '2',
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
