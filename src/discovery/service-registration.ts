import { formatAddress } from '../address.ts'
import type { ServiceConfig } from '../config/config.ts'
import type { Registration } from '../registry/registry.ts'

/** An instance of the config as the registry takes it. Its check goes to the agent's own machine where the address is the agent's to know. */
export function serviceRegistration({ id, name, address, tags, meta, check }: ServiceConfig): Registration {
  const base = { id, name, address, tags, meta }
  if (!check) return base
  const { everyMs, timeoutMs } = check
  const target = { ...address, host: address.host || '127.0.0.1' }
  if (check.kind === 'tcp') return { ...base, check: { kind: 'tcp', address: target, everyMs, timeoutMs } }
  return { ...base, check: { kind: 'http', url: `http://${formatAddress(target)}${check.path}`, everyMs, timeoutMs } }
}
