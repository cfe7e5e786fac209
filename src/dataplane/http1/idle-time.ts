/** Below the 5 s after which many servers (Node's among them) close an idle connection, so that none gets a request while it closes. */
export const IDLE_MS = 4_000
/** So much earlier than a server that tells its own time (Keep-Alive: timeout=…). */
const IDLE_MARGIN_MS = 1_000

/** For how long a connection to a server is used again that says so of itself, ms; 0: not at all. */
export function idleMs(keepAliveSeconds: number): number {
  return Math.max(0, Math.min(IDLE_MS, keepAliveSeconds * 1_000 - IDLE_MARGIN_MS))
}
