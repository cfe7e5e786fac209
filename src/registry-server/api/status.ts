import type { Agent } from '../agent.ts'
import { jsonAnswer, textAnswer } from './answer.ts'
import { requireDc } from './read-options.ts'
import type { Handler } from './registry.ts'

/** The Consul whose HTTP API this registry answers: clients choose what they may ask by it. */
export const version = '1.8.7'
// Where a real server has its peers: clients only look whether it is empty.
export const peerPort = 8300

export function peerAddress({ address }: Pick<Agent, 'address'>): string {
  return `${address}:${peerPort}`
}

export const root: Handler = () => textAnswer(200, 'Consul Agent')

export const statusLeader: Handler = ({ agent, datacenter }, { query, isPretty }) => {
  requireDc(query, datacenter)
  return jsonAnswer(peerAddress(agent), isPretty)
}

export const statusPeers: Handler = ({ agent, datacenter }, { query, isPretty }) => {
  requireDc(query, datacenter)
  return jsonAnswer([peerAddress(agent)], isPretty)
}
