import { aclRoutes } from './acl.ts'
import type { BodyLimit } from './api-request.ts'
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
import { catalogDatacenters, catalogNode, catalogNodes, catalogNodeServices, catalogService, catalogServices } from './catalog.ts'
import { coordinateDatacenters, coordinateNode, coordinateNodes, updateCoordinate } from './coordinate.ts'
import { fireEvent, listEvents } from './event.ts'
import { healthChecks, healthConnect, healthNode, healthService, healthState } from './health.ts'
import { deleteKv, getKv, putKv } from './kv.ts'
import {
  applyConfigEntry,
  checkIntention,
  configEntries,
  connectOff,
  connectOffToReads,
  deleteConfigEntry,
  emptyRead,
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
import { createQuery, deleteQuery, getQuery, listQueries, updateQuery } from './query.ts'
import type { Route } from './route.ts'
import { createSessionOf, destroySession, renewSession, sessionInfo, sessionList, sessionsOfNode } from './session.ts'
import { restoreSnapshot, saveSnapshot } from './snapshot.ts'
import { root, statusLeader, statusPeers } from './status.ts'
import { runTxn } from './txn.ts'
import { uiNode, uiNodes, uiServices } from './ui.ts'

/** Bodies that may be larger than the others, or whose limit has a name of its own. */
export const bodyLimits: Readonly<Record<string, BodyLimit>> = {
  '/v1/txn': { maxBytes: 512 * 1024, setting: 'txn_max_req_len' },
  '/v1/snapshot': { maxBytes: 256 * 1024 * 1024, setting: 'snapshot' },
}

/** Every endpoint, one line each. A path that ends with `/` stands for all paths below it; what follows it is the key, id or name. */
export const routes: Readonly<Record<string, Route>> = {
  '/': { GET: root },
  ...aclRoutes,
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
  '/v1/agent/metrics': { GET: agentMetrics },
  '/v1/agent/host': { GET: agentHost },
  '/v1/agent/reload': { PUT: reloadAgent },
  '/v1/agent/leave': { PUT: leaveAgent },
  '/v1/agent/join/': { PUT: joinAgent },
  '/v1/agent/force-leave/': { PUT: forceLeave },
  '/v1/agent/health/service/id/': { GET: serviceHealthById },
  '/v1/agent/health/service/name/': { GET: serviceHealthByName },
  '/v1/agent/connect/authorize': { POST: connectOff },
  '/v1/agent/connect/ca/roots': { GET: connectOff },
  '/v1/agent/connect/ca/leaf/': { GET: connectOff },
  '/v1/catalog/register': { PUT: catalogRegister },
  '/v1/catalog/deregister': { PUT: catalogDeregister },
  '/v1/catalog/connect/': { GET: emptyRead },
  '/v1/catalog/gateway-services/': { GET: gatewayServices },
  '/v1/health/connect/': { GET: healthConnect },
  '/v1/health/ingress/': { GET: emptyRead },
  '/v1/txn': { PUT: runTxn },
  '/v1/event/fire/': { PUT: fireEvent },
  '/v1/event/list': { GET: listEvents },
  '/v1/query': { GET: listQueries, POST: createQuery },
  '/v1/query/': { GET: getQuery, PUT: updateQuery, DELETE: deleteQuery },
  '/v1/coordinate/datacenters': { GET: coordinateDatacenters },
  '/v1/coordinate/nodes': { GET: coordinateNodes },
  '/v1/coordinate/node/': { GET: coordinateNode },
  '/v1/coordinate/update': { PUT: updateCoordinate },
  '/v1/snapshot': { GET: saveSnapshot, PUT: restoreSnapshot },
  '/v1/config': { PUT: applyConfigEntry },
  '/v1/config/': { GET: configEntries, DELETE: deleteConfigEntry },
  '/v1/connect/ca/configuration': { GET: connectOff, PUT: connectOff },
  '/v1/connect/ca/roots': { GET: connectOffToReads },
  '/v1/connect/intentions': { GET: intentions, POST: connectOff },
  '/v1/connect/intentions/match': { GET: matchIntentions },
  '/v1/connect/intentions/check': { GET: checkIntention },
  '/v1/connect/intentions/': { GET: intentionMissing, PUT: connectOff, DELETE: connectOff },
  '/v1/discovery-chain/': { GET: connectOffToReads, POST: connectOffToReads },
  '/v1/internal/ui/services': { GET: uiServices },
  '/v1/internal/ui/nodes': { GET: uiNodes },
  '/v1/internal/ui/node/': { GET: uiNode },
  '/v1/operator/raft/configuration': { GET: raftConfiguration },
  '/v1/operator/raft/peer': { DELETE: removeRaftPeer },
  '/v1/operator/keyring': { GET: keyring, POST: keyring, PUT: keyring, DELETE: keyring },
  '/v1/operator/autopilot/configuration': { GET: autopilotConfiguration, PUT: setAutopilotConfiguration },
  '/v1/operator/autopilot/health': { GET: autopilotHealth },
}
