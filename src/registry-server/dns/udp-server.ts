import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Address } from '../../address.ts'
import { messageOf } from '../../errors.ts'
import { bindError } from '../../listen.ts'
import type { Logger } from '../../logging.ts'
import type { Responder } from './responder.ts'

/** The kernel takes what it can; what would pile up behind that is dropped, as the network may do at any time. */
const mostUnsent = 1_024
const receiveBufferBytes = 1024 * 1024

/** Answers datagrams. Throws `port_in_use` and `bind_failed`. The caller closes it. */
export async function openUdpServer(bind: Address, responder: Responder, logger: Logger): Promise<Socket> {
  const isV6 = isIPv6(bind.host)
  const socket = createSocket({
    type: isV6 ? 'udp6' : 'udp4',
    // Clients come as IP addresses: there is nothing to look up, and nothing to wait for.
    lookup: (host, _, done) => done(null, host, isV6 ? 6 : 4),
  })
  await bound(socket, bind)
  socket.on('error', (error) => logger.error({ event: 'dns.socket_failed', error: messageOf(error) }, 'the DNS socket failed'))
  trySetReceiveBuffer(socket, logger)
  socket.on('message', (message, { address, port }) => {
    const send = (answer: Buffer | null): void => {
      if (answer === null || answer.length === 0 || socket.getSendQueueCount() > mostUnsent) return
      socket.send(answer, port, address, () => {
        // What could not be sent is lost, as on any network: the client asks again.
      })
    }
    try {
      const answer = responder.answer(message, 'udp')
      if (answer instanceof Promise) answer.then(send, (error: unknown) => failed(error, logger))
      else send(answer)
    } catch (error) {
      failed(error, logger)
    }
  })
  return socket
}

function bound(socket: Socket, bind: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(bindError(error, bind, 'registry.embedded.dns'))
    })
    socket.bind({ address: bind.host, port: bind.port, exclusive: true }, () => {
      socket.removeAllListeners('error')
      resolve()
    })
  })
}

function trySetReceiveBuffer(socket: Socket, logger: Logger): void {
  try {
    socket.setRecvBufferSize(receiveBufferBytes)
  } catch (error) {
    logger.debug({ event: 'dns.receive_buffer', error: messageOf(error) }, 'the receive buffer of the DNS socket stays as it is')
  }
}

export function failed(error: unknown, logger: Logger): void {
  logger.error({ event: 'dns.query_failed', error: messageOf(error) }, 'a DNS query could not be answered')
}
