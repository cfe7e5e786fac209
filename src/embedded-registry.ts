import { hostname } from 'node:os'
import type { Address } from './address.ts'
import { fullJitterMs } from './backoff.ts'
import { pause, type Clock, type Random } from './clock.ts'
import type { RegistryConfig } from './config/config.ts'
import { messageOf } from './errors.ts'
import type { Logger } from './logging.ts'
import { startRegistryThread } from './registry-server/thread.ts'

type EmbeddedConfig = Extract<RegistryConfig, { kind: 'embedded' }>

export interface EmbeddedRegistryDeps {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface EmbeddedRegistry {
  readonly address: Address
  close(): Promise<void>
}

/** A thread that has lived so long is restarted as if it were the first time, ms; one that dies young is waited for longer each time. */
const STEADY_MS = 60_000
const RESTART_BACKOFF = { baseMs: 200, maxMs: 10_000 }

/**
 * Starts the embedded registry in its thread and starts it again, on the same address and folder, should the thread ever die: the gateway
 * goes on with its last good members meanwhile. Throws what `startRegistryThread` throws at the first start. Closed by the caller.
 */
export async function startEmbeddedRegistry(config: EmbeddedConfig, deps: EmbeddedRegistryDeps): Promise<EmbeddedRegistry> {
  const { clock, random, logger } = deps
  const { http, dns, data, datacenter, enableScripts, tls, token, readToken } = config
  const access = { token, readToken }
  const options = { http, dns, data, node: config.node ?? defaultNode(), datacenter, enableScripts, tls, access }
  const closing = new AbortController()
  let running = await startRegistryThread(options, logger)
  const { address, dnsAddress } = running
  // Where it was: what was any free port at first is that port from then on.
  const again = { ...options, http: address, dns: dns && dnsAddress ? { ...dns, bind: dnsAddress } : null }
  let startedSince = clock.monotonic()
  let attempt = 0

  const restart = async (): Promise<void> => {
    if (clock.monotonic() - startedSince >= STEADY_MS) attempt = 0
    while (!closing.signal.aborted) {
      await pause(clock, fullJitterMs(attempt++, random, RESTART_BACKOFF), closing.signal)
      if (closing.signal.aborted) return
      try {
        running = await startRegistryThread(again, logger)
        startedSince = clock.monotonic()
        logger.info({ event: 'registry.restarted' }, 'the embedded registry is back')
        return
      } catch (error) {
        logger.error(
          { event: 'registry.restart_failed', error: messageOf(error) },
          'the embedded registry cannot be started again yet',
        )
      }
    }
  }
  const supervise = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const error = await Promise.race([running.failed, whenAborted(closing.signal)])
      if (!error || closing.signal.aborted) return
      logger.error(
        { event: 'registry.died', error: error.message },
        `the embedded registry died and is started again: ${error.message}`,
      )
      await restart()
    }
  }
  const supervising = supervise()
  return {
    address,
    close: async () => {
      closing.abort()
      await supervising
      await running.close()
    },
  }
}

/** The node's name in the registry: the machine's, in the characters that a DNS name may have. */
export function defaultNode(): string {
  return hostname().replace(/[^A-Za-z0-9-]/g, '-') || 'meshgate'
}

function whenAborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }))
}
