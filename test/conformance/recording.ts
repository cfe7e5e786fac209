import { readFileSync } from 'node:fs'

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What happens between two recorded rows: a request, a change of the checked target, or waiting for what the registry does by itself. */
export type Step =
  | (Request & { readonly captures?: Readonly<Record<string, string>> })
  | { readonly target: { readonly status: number; readonly body: string } }
  | { readonly until: { readonly path: string; readonly matches: string } }

export interface Row {
  readonly id: string
  readonly before?: readonly Step[]
  readonly request: Request
  /** Sent while the row's own request waits. */
  readonly during?: Request
  readonly response: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: unknown }
  /** JSON pointers, `header:<name>` or `body`: not compared. */
  readonly volatile?: readonly string[]
  readonly captures?: Readonly<Record<string, string>>
  readonly relations?: readonly (readonly [string, string, string | number])[]
  /** How long the answer took when it was recorded, ms; only on rows that wait. */
  readonly observedMs?: number
}

export const rows = (JSON.parse(readFileSync(new URL('./recording.json', import.meta.url), 'utf8')) as { rows: Row[] }).rows

// Recorded rows of the same groups that are not in recording.json, by what they need.
const reasons = {
  'need filter expressions': `
    svc-default-check-ids svc-reregister-one-check-get svc-reregister-replace-get svc-agent-list-filter
    svc-filter-bad chk-output-truncated chk-http-warning chk-kinds chk-ttl-expired chk-ttl-expired-after-note
    chk-initial-critical-get maint-svc-check maint-node-check cat-service-filter cat-nodes-filter
    health-service-filter health-service-filter2 health-service-filter-bad health-service-filter-syntax
    health-state-any
  `,
  'need catalog/register: they read or use nodes that no agent registered': `
    cat-register cat-register-second cat-services cat-services-nodemeta cat-service cat-service-tag
    cat-service-tags cat-service-near cat-nodes cat-nodes-nodemeta cat-node cat-node-services cat-deregister-check
    cat-node-after health-service health-service-passing health-service-passing-0 health-service-tags
    health-service-nodemeta health-service-tag-empty health-service-stale health-service-consistent
    health-service-cached health-service-cached-hit health-checks health-state-critical ses-node-external
    ses-node-external-nochecks
  `,
  'need agent/health': `
    agent-health-id-critical agent-health-id-critical-text agent-health-name-critical agent-health-id-passing
    agent-health-id-missing agent-health-name-missing maint-svc-agent-health
  `,
  'fields of later clients are taken on purpose, 1.8.7 refuses them': `
    svc-register-check-newer-fields
  `,
  'a quirk of 1.8.7 that no client may rely on: a write wakes the watcher of an absent neighbour': `
    blk-missing-neighbour-write
  `,
  'measurements, tested with a manual clock instead': `
    lockdelay-duration ses-ttl-expiry
  `,
  'coordinates, operator endpoints, metrics and compression are not served': `
    coordinate-nodes coordinate-datacenters coordinate-node-missing agent-metrics operator-raft
    operator-autopilot-health agent-members-wan gzip health-connect
  `,
}

/** The ids of the rows that are not played, by the reason for it. */
export const leftOut: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(reasons).map(([reason, ids]) => [reason, ids.trim().split(/\s+/)]),
)
