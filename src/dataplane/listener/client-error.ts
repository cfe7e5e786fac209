import type { Duplex } from 'node:stream'
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
export function answerClientError(error: Error, socket: Duplex, requestId: string): void {
  const code = systemCodeOf(error) ?? ''
  // A connection that was reset, or that has an answer under way, can only be ended.
  if (code === 'ECONNRESET' || !socket.writable || hasAnswer(socket)) return void socket.destroy()
  sendReply(new SocketDownstream(socket), errorReply(codesOfNode[code] ?? 'bad_request', requestId), (head) => head)
}

/** Node keeps the response that it is writing on the socket; ours would land in its middle. */
function hasAnswer(socket: Duplex): boolean {
  const message = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage
  return message?.headersSent === true
}
