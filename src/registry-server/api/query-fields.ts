import { Refusal } from '../refusal.ts'
import type { QueryRow } from '../store/catalog-rows.ts'
import { requireTemplate } from '../store/query-template.ts'
import { anything, decodeBody, flag, integer, listOf, mapOf, object, text, uint64 } from './decode.ts'
import { parseGoDurationNs } from './go-duration.ts'

const queryFields = object(
  {
    ID: text,
    Name: text,
    Session: text,
    Token: text,
    Template: object({ Type: text, Regexp: text, RemoveEmptyTags: flag }, { goName: 'QueryTemplateOptions' }),
    Service: object(
      {
        Service: text,
        Failover: object(
          { NearestN: integer, Datacenters: listOf(text), Targets: anything },
          { goName: 'QueryDatacenterOptions' },
        ),
        OnlyPassing: flag,
        IgnoreCheckIDs: listOf(text),
        Near: text,
        Tags: listOf(text),
        NodeMeta: mapOf(text),
        ServiceMeta: mapOf(text),
        Connect: flag,
        // What clients of later versions send.
        Namespace: text,
        Partition: text,
        SamenessGroup: text,
        Peer: text,
      },
      { goName: 'ServiceQuery' },
    ),
    DNS: object({ TTL: text }, { goName: 'QueryDNSOptions' }),
    CreateIndex: uint64,
    ModifyIndex: uint64,
    Namespace: text,
    Partition: text,
  },
  { goName: 'PreparedQuery' },
)

export type GivenQuery = ReturnType<typeof queryFields>

/** Decodes a prepared query. Refuses (400) what cannot be read, in Consul's words. */
export function decodeQuery(body: Buffer): GivenQuery {
  return decodeBody(body, queryFields, { isExact: true })
}

/** The prepared query that was given. Refuses (500) what makes no sense, in Consul's words. */
export function queryOf(given: GivenQuery, { isNew = false } = {}): Omit<QueryRow, 'createIndex' | 'modifyIndex'> {
  const { Name: name = '', Session: session = '', Template: template = {}, Service: service = {} } = given
  const type = template.Type ?? ''
  if (isNew && given.ID) throw new Refusal(500, 'ID must be empty when creating a new prepared query')
  // A name, a session or a template: one of them has to say how it ends or how it is found.
  if (name === '' && session === '' && type === '') throw invalid('Must be bound to a session')
  const query = {
    id: given.ID ?? '',
    name,
    session,
    token: given.Token ?? '',
    template: { type, regexp: template.Regexp ?? '', removeEmptyTags: template.RemoveEmptyTags ?? false },
    service: {
      name: service.Service ?? '',
      failover: { NearestN: service.Failover?.NearestN ?? 0, Datacenters: service.Failover?.Datacenters ?? null },
      onlyPassing: service.OnlyPassing ?? false,
      ignoreCheckIds: service.IgnoreCheckIDs ?? null,
      near: service.Near ?? '',
      tags: service.Tags ?? null,
      nodeMeta: service.NodeMeta ?? null,
      serviceMeta: service.ServiceMeta ?? null,
      connect: service.Connect ?? false,
    },
    dnsTtl: given.DNS?.TTL ?? '',
  }
  requireService(query)
  requireTemplate(query)
  return query
}

export function queryView({ service, template, dnsTtl, ...query }: QueryRow): object {
  return {
    ID: query.id,
    Name: query.name,
    Session: query.session,
    Token: query.token === '' ? '' : '<hidden>',
    Template: { Type: template.type, Regexp: template.regexp, RemoveEmptyTags: template.removeEmptyTags },
    Service: {
      Service: service.name,
      Failover: { NearestN: service.failover.NearestN, Datacenters: service.failover.Datacenters },
      OnlyPassing: service.onlyPassing,
      IgnoreCheckIDs: service.ignoreCheckIds,
      Near: service.near,
      Tags: service.tags,
      NodeMeta: service.nodeMeta,
      ServiceMeta: service.serviceMeta,
      Connect: service.connect,
    },
    DNS: { TTL: dnsTtl },
    CreateIndex: query.createIndex,
    ModifyIndex: query.modifyIndex,
  }
}

function requireService({ service, dnsTtl }: Pick<QueryRow, 'service' | 'dnsTtl'>): void {
  if (service.name === '') throw invalid('Must provide a Service name to query')
  if (service.failover.NearestN < 0) throw invalid(`Bad NearestN '${service.failover.NearestN}', must be >= 0`)
  if (service.nodeMeta && Object.hasOwn(service.nodeMeta, '')) {
    throw invalid(`Couldn't load metadata pair ('', '${service.nodeMeta['']}'): Key cannot be blank`)
  }
  if (dnsTtl === '') return
  const ttlNs = parseGoDurationNs(dnsTtl)
  if (typeof ttlNs === 'string') throw invalid(`Bad DNS TTL '${dnsTtl}': ${ttlNs}`)
  if (ttlNs < 0) throw invalid(`DNS TTL '${ttlNs}', must be >=0`)
}

function invalid(reason: string): Refusal {
  return new Refusal(500, `Invalid prepared query: ${reason}`)
}
