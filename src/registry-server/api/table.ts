import { agentChecks, deregisterCheck, failCheck, passCheck, registerCheck, updateCheck, warnCheck } from './agent-check.ts'
import { agentMembers, agentSelf } from './agent-self.ts'
import {
  agentService,
  agentServices,
  deregisterService,
  nodeMaintenance,
  registerService,
  serviceMaintenance,
} from './agent-service.ts'
import { catalogDatacenters, catalogNode, catalogNodes, catalogNodeServices, catalogService, catalogServices } from './catalog.ts'
import { healthChecks, healthNode, healthService, healthState } from './health.ts'
import { deleteKv, getKv, putKv } from './kv.ts'
import type { Handler } from './registry.ts'
import { createSessionOf, destroySession, renewSession, sessionInfo, sessionList, sessionsOfNode } from './session.ts'
import { root, statusLeader, statusPeers } from './status.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** The methods of one path, in the order in which `Allow` lists them. */
export type Route = Readonly<Partial<Record<Method, Handler>>>

/** Every endpoint, one line each. A path that ends with `/` stands for all paths below it; what follows it is the key, id or name. */
export const routes: Readonly<Record<string, Route>> = {
  '/': { GET: root },
  '/v1/status/leader': { GET: statusLeader },
  '/v1/status/peers': { GET: statusPeers },
  '/v1/kv/': { GET: getKv, PUT: putKv, DELETE: deleteKv },
  '/v1/session/create': { PUT: createSessionOf },
  '/v1/session/destroy/': { PUT: destroySession },
  '/v1/session/renew/': { PUT: renewSession },
  '/v1/session/info/': { GET: sessionInfo },
  '/v1/session/list': { GET: sessionList },
  '/v1/session/node/': { GET: sessionsOfNode },
  '/v1/agent/self': { GET: agentSelf },
  '/v1/agent/members': { GET: agentMembers },
  '/v1/agent/maintenance': { PUT: nodeMaintenance },
  '/v1/agent/services': { GET: agentServices },
  '/v1/agent/service/': { GET: agentService },
  '/v1/agent/service/register': { PUT: registerService },
  '/v1/agent/service/deregister/': { PUT: deregisterService },
  '/v1/agent/service/maintenance/': { PUT: serviceMaintenance },
  '/v1/agent/checks': { GET: agentChecks },
  '/v1/agent/check/register': { PUT: registerCheck },
  '/v1/agent/check/deregister/': { PUT: deregisterCheck },
  '/v1/agent/check/pass/': { PUT: passCheck },
  '/v1/agent/check/warn/': { PUT: warnCheck },
  '/v1/agent/check/fail/': { PUT: failCheck },
  '/v1/agent/check/update/': { PUT: updateCheck },
  '/v1/catalog/datacenters': { GET: catalogDatacenters },
  '/v1/catalog/services': { GET: catalogServices },
  '/v1/catalog/service/': { GET: catalogService },
  '/v1/catalog/nodes': { GET: catalogNodes },
  '/v1/catalog/node/': { GET: catalogNode },
  '/v1/catalog/node-services/': { GET: catalogNodeServices },
  '/v1/health/service/': { GET: healthService },
  '/v1/health/checks/': { GET: healthChecks },
  '/v1/health/state/': { GET: healthState },
  '/v1/health/node/': { GET: healthNode },
}
