import { jsonAnswer, textAnswer } from './answer.ts'
import type { Handler } from './registry.ts'

// Where a real server has its peers: clients only look whether it is empty.
const peerPort = 8300

export const root: Handler = () => textAnswer(200, 'Consul Agent')

export const statusLeader: Handler = ({ agent }, { isPretty }) => jsonAnswer(`${agent.address}:${peerPort}`, isPretty)

export const statusPeers: Handler = ({ agent }, { isPretty }) => jsonAnswer([`${agent.address}:${peerPort}`], isPretty)
