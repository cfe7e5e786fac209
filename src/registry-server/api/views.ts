import type { Instance } from '../store/catalog-reads.ts'
import type { CheckRow, NodeRow, ServiceRow } from '../store/rows.ts'
import { agentProxyView, connectView, proxyView } from './proxy-fields.ts'
import { isMeshKind } from './proxy-rules.ts'

/** The shapes of Consul's answers, field by field in its order. */

export function nodeView(node: NodeRow, datacenter: string): object {
  return {
    ID: node.id,
    Node: node.name,
    Address: node.address,
    Datacenter: datacenter,
    TaggedAddresses: node.taggedAddresses,
    Meta: node.meta,
    CreateIndex: node.createIndex,
    ModifyIndex: node.modifyIndex,
  }
}

export function serviceView(service: ServiceRow): object {
  return {
    Kind: service.kind || undefined,
    ID: service.id,
    Service: service.name,
    Tags: service.tags,
    Address: service.address,
    TaggedAddresses: service.taggedAddresses ?? undefined,
    Meta: service.meta,
    Port: service.port,
    Weights: service.weights,
    EnableTagOverride: service.enableTagOverride,
    Proxy: proxyView(service),
    Connect: connectView(service),
    CreateIndex: service.createIndex,
    ModifyIndex: service.modifyIndex,
  }
}

/** `contentHash` stands in the answer about one service only. */
export function agentServiceView(service: ServiceRow, contentHash?: string): object {
  return {
    Kind: service.kind || undefined,
    ID: service.id,
    Service: service.name,
    Tags: service.tags,
    Meta: service.meta ?? {},
    Port: service.port,
    Address: service.address,
    TaggedAddresses: service.taggedAddresses ?? undefined,
    Weights: service.weights,
    EnableTagOverride: service.enableTagOverride,
    ContentHash: contentHash,
    Proxy: isMeshKind(service.kind) ? agentProxyView(service) : undefined,
    Connect: service.isNative ? connectView(service) : undefined,
  }
}

export function checkView(check: CheckRow): object {
  return {
    Node: check.node,
    CheckID: check.id,
    Name: check.name,
    Status: check.status,
    Notes: check.notes,
    Output: check.output,
    ServiceID: check.serviceId,
    ServiceName: check.serviceName,
    ServiceTags: check.serviceTags,
    Type: check.type,
    Definition: check.definition ?? {},
    CreateIndex: check.createIndex,
    ModifyIndex: check.modifyIndex,
  }
}

/** In the agent's own list a check has no indexes. */
export function agentCheckView(check: CheckRow): object {
  return checkView({ ...check, createIndex: 0n, modifyIndex: 0n })
}

export function instanceView({ node, service, checks }: Instance, datacenter: string): object {
  return { Node: nodeView(node, datacenter), Service: serviceView(service), Checks: checks.map(checkView) }
}

/** One row of `catalog/service`: node and service in one flat object. */
export function catalogServiceView({ node, service }: Instance, datacenter: string): object {
  return {
    ID: node.id,
    Node: node.name,
    Address: node.address,
    Datacenter: datacenter,
    TaggedAddresses: node.taggedAddresses,
    NodeMeta: node.meta,
    ServiceKind: service.kind,
    ServiceID: service.id,
    ServiceName: service.name,
    ServiceTags: service.tags,
    ServiceAddress: service.address,
    ServiceTaggedAddresses: service.taggedAddresses ?? undefined,
    ServiceWeights: service.weights,
    ServiceMeta: service.meta ?? {},
    ServicePort: service.port,
    ServiceEnableTagOverride: service.enableTagOverride,
    ServiceProxy: proxyView(service),
    ServiceConnect: connectView(service),
    CreateIndex: service.createIndex,
    ModifyIndex: service.modifyIndex,
  }
}
