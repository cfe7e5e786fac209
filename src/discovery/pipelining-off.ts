import type { Upstream } from '../dataplane/upstream/upstream.ts'
import type { Logger } from '../logging.ts'

/** Tells which endpoints of an upstream answer wrongly to requests that stand behind each other. */
export function tellPipeliningOff(upstream: Upstream, logger: Logger): void {
  upstream.onPipeliningOff = (address, reason) =>
    logger.warn(
      { event: 'endpoint.pipelining_off', upstream: upstream.name, address, reason },
      `endpoint gets one request at a time on a connection: ${reason}`,
    )
}
