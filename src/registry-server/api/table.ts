import { aclRoutes } from './acl.ts'
import type { BodyLimit } from '../http/request-body.ts'
import { forceLeave, joinAgent, leaveAgent, reloadAgent } from './agent-cluster.ts'
import { agentChecks, deregisterCheck, failCheck, passCheck, registerCheck, updateCheck, warnCheck } from './agent-check.ts'
import { serviceHealthById, serviceHealthByName } from './agent-health.ts'
import { agentHost, agentMetrics } from './agent-host.ts'
import { agentMembers, agentSelf } from './agent-self.ts'
import {
  agentService,
  agentServices,
  deregisterService,
  nodeMaintenance,
  registerService,
  serviceMaintenance,
} from './agent-service.ts'
import { catalogDeregister, catalogRegister } from './catalog-registration.ts'
import {
  catalogConnect,
  catalogDatacenters,
  catalogNode,
  catalogNodes,
  catalogNodeServices,
  catalogService,
  catalogServices,
} from './catalog.ts'
import { coordinateDatacenters, coordinateNode, coordinateNodes, updateCoordinate } from './coordinate.ts'
import { fireEvent, listEvents } from './event.ts'
import { healthChecks, healthConnect, healthIngress, healthNode, healthService, healthState } from './health.ts'
import { agentMonitor } from './monitor.ts'
import { deleteKv, getKv, putKv } from './kv.ts'
import {
  applyConfigEntry,
  authorize,
  checkIntention,
  configEntries,
  connectOff,
  connectOffToReads,
  deleteConfigEntry,
  discoveryChain,
  gatewayServices,
  intentionMissing,
  intentions,
  matchIntentions,
} from './mesh.ts'
import {
  autopilotConfiguration,
  autopilotHealth,
  keyring,
  raftConfiguration,
  removeRaftPeer,
  setAutopilotConfiguration,
} from './operator.ts'
import { checked, consistency, namespace, waiting } from './parameters.ts'
import { createQuery, deleteQuery, getQuery, listQueries, updateQuery } from './query.ts'
import type { Route } from './route.ts'
import { createSessionOf, destroySession, renewSession, sessionInfo, sessionList, sessionsOfNode } from './session.ts'
import { restoreSnapshot, saveSnapshot } from './snapshot.ts'
import { root, statusLeader, statusPeers } from './status.ts'
import { runTxn } from './txn.ts'
import { uiGatewayServices, uiNode, uiNodes, uiServices } from './ui.ts'

/** Bodies that may be larger than the others, or whose limit has a name of its own. */
export const bodyLimits: ReadonlyMap<string, BodyLimit> = new Map([
  ['/v1/txn', { maxBytes: 512 * 1024, setting: 'txn_max_req_len' }],
  ['/v1/snapshot', { maxBytes: 256 * 1024 * 1024, setting: 'snapshot' }],
])

const read = [consistency, waiting]
const readThenNamespace = [...read, namespace]
const namespaceThenRead = [namespace, ...read]

/** Every endpoint, one line each. A path that ends with `/` stands for all paths below it; what follows it is the key, id or name. */
export const routes: Readonly<Record<string, Route>> = {
  '/': { GET: root },
  ...aclRoutes,
  '/v1/status/leader': checked(read, { GET: statusLeader }),
  '/v1/status/peers': checked(read, { GET: statusPeers }),
  '/v1/kv/': checked(readThenNamespace, { GET: getKv, PUT: putKv, DELETE: deleteKv }),
  '/v1/session/create': checked([namespace], { PUT: createSessionOf }),
  '/v1/session/destroy/': checked([namespace], { PUT: destroySession }),
  '/v1/session/renew/': checked(readThenNamespace, { PUT: renewSession }),
  '/v1/session/info/': checked(readThenNamespace, { GET: sessionInfo }),
  '/v1/session/list': checked(readThenNamespace, { GET: sessionList }),
  '/v1/session/node/': checked(readThenNamespace, { GET: sessionsOfNode }),
  '/v1/agent/self': { GET: agentSelf },
  '/v1/agent/members': { GET: agentMembers },
  '/v1/agent/maintenance': { PUT: nodeMaintenance },
  '/v1/agent/services': checked([namespace], { GET: agentServices }),
  '/v1/agent/service/': checked([waiting, namespace], { GET: agentService }),
  '/v1/agent/service/register': checked([namespace], { PUT: registerService }),
  '/v1/agent/service/deregister/': checked([namespace], { PUT: deregisterService }),
  '/v1/agent/service/maintenance/': checked([namespace], { PUT: serviceMaintenance }),
  '/v1/agent/checks': checked([namespace], { GET: agentChecks }),
  '/v1/agent/check/register': checked([namespace], { PUT: registerCheck }),
  '/v1/agent/check/deregister/': checked([namespace], { PUT: deregisterCheck }),
  '/v1/agent/check/pass/': checked([namespace], { PUT: passCheck }),
  '/v1/agent/check/warn/': checked([namespace], { PUT: warnCheck }),
  '/v1/agent/check/fail/': checked([namespace], { PUT: failCheck }),
  '/v1/agent/check/update/': { PUT: updateCheck },
  '/v1/catalog/datacenters': checked([consistency], { GET: catalogDatacenters }),
  '/v1/catalog/services': checked(namespaceThenRead, { GET: catalogServices }),
  '/v1/catalog/service/': checked(namespaceThenRead, { GET: catalogService }),
  '/v1/catalog/nodes': checked(read, { GET: catalogNodes }),
  '/v1/catalog/node/': checked(namespaceThenRead, { GET: catalogNode }),
  '/v1/catalog/node-services/': checked(namespaceThenRead, { GET: catalogNodeServices }),
  '/v1/health/service/': checked(namespaceThenRead, { GET: healthService }),
  '/v1/health/checks/': checked(namespaceThenRead, { GET: healthChecks }),
  '/v1/health/state/': checked(namespaceThenRead, { GET: healthState }),
  '/v1/health/node/': checked(namespaceThenRead, { GET: healthNode }),
  '/v1/agent/metrics': { GET: agentMetrics },
  '/v1/agent/host': { GET: agentHost },
  '/v1/agent/monitor': { GET: agentMonitor },
  '/v1/agent/reload': { PUT: reloadAgent },
  '/v1/agent/leave': { PUT: leaveAgent },
  '/v1/agent/join/': { PUT: joinAgent },
  '/v1/agent/force-leave/': { PUT: forceLeave },
  '/v1/agent/health/service/id/': checked([namespace], { GET: serviceHealthById }),
  '/v1/agent/health/service/name/': checked([namespace], { GET: serviceHealthByName }),
  '/v1/agent/connect/authorize': { POST: authorize },
  '/v1/agent/connect/ca/roots': { GET: connectOff },
  '/v1/agent/connect/ca/leaf/': { GET: connectOff },
  '/v1/catalog/register': checked([namespace], { PUT: catalogRegister }),
  '/v1/catalog/deregister': checked([namespace], { PUT: catalogDeregister }),
  '/v1/catalog/connect/': checked(namespaceThenRead, { GET: catalogConnect }),
  '/v1/catalog/gateway-services/': checked(namespaceThenRead, { GET: gatewayServices }),
  '/v1/health/connect/': checked(namespaceThenRead, { GET: healthConnect }),
  '/v1/health/ingress/': checked(namespaceThenRead, { GET: healthIngress }),
  '/v1/txn': { PUT: runTxn },
  '/v1/event/fire/': { PUT: fireEvent },
  '/v1/event/list': { GET: listEvents },
  '/v1/query': { ...checked(read, { GET: listQueries }), POST: createQuery },
  '/v1/query/': { ...checked(read, { GET: getQuery }), PUT: updateQuery, DELETE: deleteQuery },
  '/v1/coordinate/datacenters': { GET: coordinateDatacenters },
  '/v1/coordinate/nodes': checked(read, { GET: coordinateNodes }),
  '/v1/coordinate/node/': checked(read, { GET: coordinateNode }),
  '/v1/coordinate/update': { PUT: updateCoordinate },
  '/v1/snapshot': { GET: saveSnapshot, PUT: restoreSnapshot },
  '/v1/config': { PUT: applyConfigEntry },
  '/v1/config/': { ...checked(readThenNamespace, { GET: configEntries }), DELETE: deleteConfigEntry },
  '/v1/connect/ca/configuration': { GET: connectOff, PUT: connectOff },
  '/v1/connect/ca/roots': checked(read, { GET: connectOffToReads }),
  '/v1/connect/intentions': { ...checked(read, { GET: intentions }), POST: connectOff },
  '/v1/connect/intentions/match': checked(read, { GET: matchIntentions }),
  '/v1/connect/intentions/check': checked(read, { GET: checkIntention }),
  '/v1/connect/intentions/': { GET: intentionMissing, PUT: connectOff, DELETE: connectOff },
  '/v1/discovery-chain/': { ...checked(readThenNamespace, { GET: discoveryChain }), POST: discoveryChain },
  '/v1/internal/ui/services': checked(readThenNamespace, { GET: uiServices }),
  '/v1/internal/ui/gateway-services-nodes/': checked(readThenNamespace, { GET: uiGatewayServices }),
  '/v1/internal/ui/nodes': checked(readThenNamespace, { GET: uiNodes }),
  '/v1/internal/ui/node/': checked(readThenNamespace, { GET: uiNode }),
  '/v1/operator/raft/configuration': checked(read, { GET: raftConfiguration }),
  '/v1/operator/raft/peer': { DELETE: removeRaftPeer },
  '/v1/operator/keyring': { GET: keyring, POST: keyring, PUT: keyring, DELETE: keyring },
  '/v1/operator/autopilot/configuration': { ...checked(read, { GET: autopilotConfiguration }), PUT: setAutopilotConfiguration },
  '/v1/operator/autopilot/health': checked(read, { GET: autopilotHealth }),
}
