import { Refusal } from './refusal.ts'
import { nodeKey, type State } from './store/state.ts'

// Consul: ports.sidecar_min_port and sidecar_max_port.
const [lowest, highest] = [21_000, 21_255]

/** The port of a sidecar that names none: the one it has, else the lowest free one. Refuses (500) when none is left. */
export function sidecarPort(state: State, node: string, sidecarId: string): number {
  const services = Array.from(state.services.withPrefix(nodeKey(node, '')))
  const own = services.find(({ id }) => id === sidecarId)?.port ?? 0
  if (own >= lowest && own <= highest) return own
  const used = new Set(services.map(({ port }) => port))
  for (let port = lowest; port <= highest; port++) if (!used.has(port)) return port
  throw new Refusal(
    500,
    `Bad request: no port provided for sidecar_service and none left in the configured range [${lowest}, ${highest}]`,
  )
}
