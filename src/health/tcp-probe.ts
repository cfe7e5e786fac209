import { connect } from 'node:net'
import { z } from 'zod'
import { messageOf } from '../errors.ts'
import type { ProbeKind } from './probe.ts'

/** Passes when a TCP connection can be opened; nothing is sent on it. */
export const tcpProbe: ProbeKind<Record<string, never>> = {
  options: z
    .strictObject({})
    .meta({ description: 'Passes when a TCP connection can be opened. It has no settings.', examples: [{}] }),
  title: () => 'tcp',
  create: () => (target, signal) =>
    new Promise((resolve) => {
      const socket = connect({ host: target.host, port: target.port, signal })
      socket.once('connect', () => {
        resolve({ ok: true, detail: 'connected' })
        socket.destroy()
      })
      // Stays on: a socket may fail once more after it has connected.
      socket.on('error', (error) => resolve({ ok: false, detail: messageOf(error) }))
      socket.once('close', () => resolve({ ok: false, detail: 'closed before it was connected' }))
    }),
}
