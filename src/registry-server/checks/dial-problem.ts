import { messageOf, systemCodeOf } from '../../errors.ts'

const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  ETIMEDOUT: 'i/o timeout',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ENOTFOUND: 'no such host',
}

/** Why a text is no `host:port`, in the words that Consul's users know. */
export function addressProblem(target: string): string {
  const port = /:(\d+)$/.exec(target)?.[1]
  return port === undefined ? `address ${target}: missing port in address` : `address ${port}: invalid port`
}

/** Why a connection was not made, in the same words. */
export function dialProblem(target: string, error: unknown): string {
  return `dial tcp ${target}: ${sentences[systemCodeOf(error) ?? ''] ?? messageOf(error)}`
}

const tlsSentences: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'x509: certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'x509: certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'x509: certificate signed by unknown authority',
  EPROTO: 'tls: first record does not look like a TLS handshake',
  ERR_SSL_WRONG_VERSION_NUMBER: 'tls: first record does not look like a TLS handshake',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'tls: first record does not look like a TLS handshake',
  CERT_HAS_EXPIRED: 'x509: certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'x509: certificate has expired or is not yet valid',
}

/** Why a request got no answer, in the same words. */
export function requestProblem(target: string, error: unknown): string {
  const code = systemCodeOf(error) ?? ''
  if (tlsSentences[code]) return tlsSentences[code]
  // Node's word for a connection that was closed before the answer.
  if (code === 'ECONNRESET') return messageOf(error).includes('hang up') ? 'EOF' : 'connection reset by peer'
  return sentences[code] ? dialProblem(target, error) : messageOf(error)
}
