import type { IncomingMessage, ServerOptions } from 'node:http'
import type { ListenerLimits } from '../limits.ts'

/** How often Node looks for connections that are over their head or request time, ms. */
const CHECK_EVERY_MS = 1_000

/** Says to node:http what a listener grants. */
export function serverOptions({ headBytes, headTimeoutMs, requestTimeoutMs, keepAliveMs }: ListenerLimits): ServerOptions {
  return {
    maxHeaderSize: headBytes,
    // Node refuses a longer time for the head than for the whole.
    headersTimeout: requestTimeoutMs > 0 ? Math.min(headTimeoutMs, requestTimeoutMs) : headTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    insecureHTTPParser: false,
    // The Host is checked in `takeIn`, for both versions and with an answer of ours.
    requireHostHeader: false,
    // A request without body needs no stream.
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: isUpgrade,
  }
}

/** RFC 9110 §7.8: a server may ignore Upgrade. What is not WebSocket, or has a body, goes on as the request that it also is. */
function isUpgrade({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] ?? '0') === '0'
  )
}
