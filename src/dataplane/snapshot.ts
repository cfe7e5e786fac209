import type { FilterChain } from './filters/filter-chain.ts'
import type { MeshPolicy } from './mesh/mesh-policy.ts'
import type { RouteMatch } from './router/route-match.ts'
import type { Router } from './router/router.ts'
import type { Split } from './split.ts'
import type { Mirror } from './upstream/mirror.ts'
import type { Picker } from './upstream/picker.ts'
import type { AttemptPolicy } from './upstream/policy.ts'
import type { Sticky } from './upstream/sticky.ts'
import type { Upstream } from './upstream/upstream.ts'
import type { Where } from './upstream/where.ts'

/** Where a share of a route's traffic goes. */
export interface Destination {
  /** What a split calls it. */
  readonly name: string
  readonly upstream: Upstream
  /** The upstream, or a part of it. */
  readonly picker: Picker
  /** What the part has; absent: all. */
  readonly where?: Where | undefined
  /** ≥ 0; not all of a route's are 0. */
  readonly weight: number
  /** Effective values: route over upstream over defaults. */
  readonly policy: AttemptPolicy
}

export interface Route {
  readonly name: string
  readonly match: RouteMatch
  readonly filters: FilterChain
  /** At least one. */
  readonly to: readonly Destination[]
  /** Over `to`. */
  readonly split: Split<Destination>
  /** Set if requests are copied to another upstream. */
  readonly mirror?: Mirror | undefined
  /** Set if clients stay with the instance that served them first. */
  readonly sticky?: Sticky | undefined
}

/** Everything compiled from one generation of config. Immutable; the gateway holds one and is given the next. */
export interface Snapshot {
  /** Counts up with each applied change, from 1; 0 before the first. */
  readonly generation: number
  readonly router: Router<Route>
  readonly routes: readonly Route[]
  /** Who may call whom by name; absent: everybody may. */
  readonly mesh?: MeshPolicy
}
