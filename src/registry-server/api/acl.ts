import { Refusal } from '../refusal.ts'
import type { Handler } from './registry.ts'
import type { Route } from './route.ts'

/** Clients know by this sentence that there is no access control to set up. */
const off: Handler = () => {
  throw new Refusal(401, 'ACL support disabled')
}

const one: Route = { GET: off, PUT: off, DELETE: off }

/** Access control, as an agent of Consul has it that was started without. */
export const aclRoutes: Readonly<Record<string, Route>> = {
  '/v1/acl/bootstrap': { PUT: off },
  '/v1/acl/create': { PUT: off },
  '/v1/acl/update': { PUT: off },
  '/v1/acl/destroy/': { PUT: off },
  '/v1/acl/info/': { GET: off },
  '/v1/acl/clone/': { PUT: off },
  '/v1/acl/list': { GET: off },
  '/v1/acl/login': { POST: off },
  '/v1/acl/logout': { POST: off },
  '/v1/acl/replication': { GET: off },
  '/v1/acl/policies': { GET: off },
  '/v1/acl/policy': { PUT: off },
  '/v1/acl/policy/': one,
  '/v1/acl/policy/name/': { GET: off },
  '/v1/acl/roles': { GET: off },
  '/v1/acl/role': { PUT: off },
  '/v1/acl/role/': one,
  '/v1/acl/role/name/': { GET: off },
  '/v1/acl/binding-rules': { GET: off },
  '/v1/acl/binding-rule': { PUT: off },
  '/v1/acl/binding-rule/': one,
  '/v1/acl/auth-methods': { GET: off },
  '/v1/acl/auth-method': { PUT: off },
  '/v1/acl/auth-method/': one,
  '/v1/acl/rules/translate': { POST: off },
  '/v1/acl/rules/translate/': { GET: off },
  '/v1/acl/tokens': { GET: off },
  '/v1/acl/token': { PUT: off },
  '/v1/acl/token/self': { GET: off },
  '/v1/acl/token/': one,
  '/v1/agent/token/': { PUT: off },
  '/v1/internal/acl/authorize': { POST: off },
  // Only somebody with a token may profile an agent of Consul.
  '/debug/pprof/': { GET: off },
}
