/** How the instances of an upstream are probed: plain data. */
export interface HealthPolicy {
  readonly probe: { readonly kind: string; readonly options: unknown }
  /** From the planned start of one probe to the next, ms. */
  readonly everyMs: number
  /** The same while the endpoint is unhealthy, ms; null: no other. */
  readonly everyUnhealthyMs: number | null
  /** The same while it is unhealthy and passes, ms; null: `timeoutMs / healthy`, or the interval as usual for one that bounces. */
  readonly everyRisingMs: number | null
  /** Each interval is varied by up to ± this share, 0 … 0.5; while the endpoint is unhealthy by up to - twice of it. */
  readonly jitterRatio: number
  readonly timeoutMs: number
  /** Passes in a row that make a failing endpoint healthy again; a new one needs a single pass. */
  readonly healthy: number
  /** Failures in a row that make a healthy endpoint unhealthy; a new one needs a single failure. */
  readonly unhealthy: number
  /** So many of the living replicas probe each endpoint, and tell the others; 0: each replica probes all. */
  readonly shared: number
}
