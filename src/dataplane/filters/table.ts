import { z } from 'zod'
import { GatewayError } from '../../errors.ts'
import { apiKey } from './api-key.ts'
import { basicAuth } from './basic-auth.ts'
import { bodyLimit } from './body-limit.ts'
import { compress } from './compress.ts'
import { cors } from './cors.ts'
import { errorPages } from './error-pages.ts'
import { faultInjection } from './fault-injection.ts'
import type { Filter, FilterDeps, FilterKind, FilterSpec } from './filter.ts'
import { forwardAuth } from './forward-auth.ts'
import { ipAllow, ipDeny } from './ip-access.ts'
import { jwt } from './jwt.ts'
import { userModule } from './module.ts'
import { rateLimit } from './rate-limit.ts'
import { redirect } from './redirect.ts'
import { requestId } from './request-id.ts'
import { respond } from './respond.ts'
import { rewritePath } from './rewrite-path.ts'
import { securityHeaders } from './security-headers.ts'
import { setHeaders } from './set-headers.ts'
import { timeout } from './timeout.ts'

/** Every filter by its key in YAML. To add one: one file, one line here. */
export const filterTable = {
  rewritePath,
  setHeaders,
  redirect,
  respond,
  rateLimit,
  ipAllow,
  ipDeny,
  basicAuth,
  apiKey,
  jwt,
  forwardAuth,
  bodyLimit,
  cors,
  securityHeaders,
  requestId,
  faultInjection,
  compress,
  errorPages,
  timeout,
  module: userModule,
} as const

const kinds: Readonly<Record<string, FilterKind<unknown>>> = filterTable

/** What a filter of that kind is made of beside its options; null: nothing. */
export function filterVersion(kind: string, options: unknown): string | null {
  return (Object.hasOwn(kinds, kind) ? kinds[kind]?.versionOf?.(options) : null) ?? null
}

/** Whether a filter of that kind can be tried out on a request without any effect. */
export function isPureFilter(kind: string): boolean {
  return Object.hasOwn(kinds, kind) && kinds[kind]?.isPure === true
}

/** Makes a filter of its config. Throws `config_invalid` for a kind that is not in the table and for options that its schema refuses. */
export function createFilter({ kind, options }: FilterSpec, deps: FilterDeps): Filter {
  const found = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
  if (!found) throw new GatewayError('config_invalid', `there is no filter "${kind}"; there are ${Object.keys(kinds).join(', ')}`)
  const parsed = found.options.safeParse(options)
  if (parsed.success) return found.create(parsed.data, deps)
  throw new GatewayError('config_invalid', `filter ${kind}: ${z.prettifyError(parsed.error)}`, { cause: parsed.error })
}
