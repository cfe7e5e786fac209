import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import { systemCodeOf, type ErrorCode } from '../../errors.ts'
import { errorReply, sendReply } from '../reply.ts'
import { SocketDownstream } from './socket-downstream.ts'

const codesOfNode: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_UNEXPECTED_CONTENT_LENGTH: 'ambiguous_framing',
  HPE_INVALID_CONTENT_LENGTH: 'ambiguous_framing',
  HPE_INVALID_TRANSFER_ENCODING: 'ambiguous_framing',
  HPE_INVALID_CHUNK_SIZE: 'ambiguous_framing',
}

/** Answers what Node's parser refused, and ends the connection: where the next request begins is no longer known. */
export function answerClientError(error: Error, socket: Socket, { clock, requestId }: { clock: Clock; requestId: string }): void {
  const code = systemCodeOf(error) ?? ''
  const response = responseUnderWay(socket)
  // A connection that was reset, or that has to give another answer first, can only be ended.
  if (code === 'ECONNRESET' || !socket.writable || (response && !isAbout(response))) return void socket.destroy()
  sendReply(new SocketDownstream(socket, clock), errorReply(codesOfNode[code] ?? 'bad_request', requestId), (head) => head)
  // An exchange whose request broke off is over now, not when the client has closed.
  if (response) socket.destroySoon()
}

/** Node keeps the response that a connection waits for on its socket. */
function responseUnderWay(socket: Socket): ServerResponse | null {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? null
}

/** Whether the error is in the request that this response is for, and not in one behind it, and can still be told. */
function isAbout({ req, headersSent }: ServerResponse): boolean {
  return !req.complete && !headersSent
}
