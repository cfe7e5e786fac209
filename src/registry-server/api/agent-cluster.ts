import { isIP } from 'node:net'
import { Refusal } from '../refusal.ts'
import { done } from './answer.ts'
import type { Handler } from './registry.ts'

/** There is one node and no gossip: what agents of a cluster ask of each other is answered as by one that is alone. */

// Where agents of Consul meet.
const serfPort = 8301

export const reloadAgent: Handler = () => done

/** It cannot join others, so nobody is there; joining itself changes nothing. */
export const joinAgent: Handler = ({ agent }, { rest: target }) => {
  const [, host = target, port = String(serfPort)] = /^(.*?):(\d+)$/.exec(target) ?? []
  if (host === agent.address && Number(port) === serfPort) return done
  const reason =
    isIP(host) === 0
      ? `Failed to resolve ${host}: lookup ${host}: no such host`
      : `Failed to join ${host}: dial tcp ${host}:${port}: connect: connection refused`
  throw new Refusal(500, `1 error occurred:\n\t* ${reason}\n\n`)
}

export const forceLeave: Handler = ({ agent }, { rest: name }) => {
  if (name === agent.node) return done
  throw new Refusal(500, `agent: No node found with name '${name}'`)
}

/** A client must not end the gateway that the registry runs in. */
export const leaveAgent: Handler = () => {
  throw new Refusal(500, 'this registry runs inside another process and ends with it')
}
