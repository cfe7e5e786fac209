import { connect } from 'node:net'
import { parseAddress } from '../../address.ts'
import { addressProblem, dialProblem } from './dial-problem.ts'
import type { Probe } from './interval-check.ts'

/** Passing when a connection to `host:port` can be made; it is closed at once. */
export const probeTcp: Probe = (definition, clock, signal) =>
  new Promise((resolve) => {
    const { target, timeoutMs } = definition
    const address = parseAddress(target)
    if (!address) return resolve({ status: 'critical', output: `dial tcp: ${addressProblem(target)}` })
    const socket = connect(address)
    const end = (status: 'passing' | 'critical', output: string): void => {
      timer.cancel()
      signal.removeEventListener('abort', stop)
      socket.destroy()
      resolve({ status, output })
    }
    const stop = (): void => end('critical', 'stopped')
    const timer = clock.after(timeoutMs, () => end('critical', `dial tcp ${target}: i/o timeout`))
    signal.addEventListener('abort', stop, { once: true })
    socket.on('error', (error) => end('critical', dialProblem(target, error)))
    socket.on('connect', () => end('passing', `TCP connect ${target}: Success`))
  })
