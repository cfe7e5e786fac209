import type { Instance } from '../store/catalog-reads.ts'
import { addressRecords, metaRecords, withoutDot } from './node-records.ts'
import { addressBytes, isWireName, recordType, srvRecord, type DnsRecord } from './record.ts'
import { group, type AnswerGroup } from './reply.ts'

export interface ServiceQuestion {
  /** As asked, in lower case: an instance whose address is this very name is told by its node's. */
  readonly name: string
  readonly type: number
  readonly ttlSeconds: number
  /** `dc1.consul` */
  readonly suffix: string
}

/** What a name leads to: records behind it, or a name outside the zone that only a recursor knows. */
export type Follow = (alias: string) => { readonly records: readonly DnsRecord[]; readonly foreign: string | null }

/** What each instance adds to the answer; those that would repeat another's address add nothing. */
export function serviceGroups(instances: readonly Instance[], question: ServiceQuestion, follow: Follow): readonly AnswerGroup[] {
  const told = new Set<string>()
  const isSrv = question.type === recordType.SRV
  return instances.flatMap((instance) => {
    const address = addressOf(instance, question)
    const key = isSrv ? `${instance.node.name}:${address}:${instance.service.port}` : address
    if (told.has(key)) return []
    told.add(key)
    return (isSrv ? srvGroup(instance, question, follow) : addressGroup(address, question, follow)) ?? []
  })
}

function addressOf({ node, service }: Instance, { name }: ServiceQuestion): string {
  const isUsable = service.address !== '' && withoutDot(service.address).toLowerCase() !== name
  return isUsable ? service.address : node.address
}

function addressGroup(address: string, { type, ttlSeconds }: ServiceQuestion, follow: Follow): AnswerGroup | null {
  const { records, alias } = addressRecords({ owner: null, ttlSeconds }, address, type)
  if (records.length === 0) return null
  if (alias === null) return group(records)
  const behind = follow(alias)
  return group([...records, ...behind.records], [], behind.foreign)
}

function srvGroup(instance: Instance, question: ServiceQuestion, follow: Follow): AnswerGroup | null {
  const { node, service } = instance
  const { ttlSeconds, suffix } = question
  const nodeName = `${node.name}.node.${suffix}`
  const address = addressOf(instance, question)
  const target = targetOf(address, service.address === address ? null : nodeName, suffix)
  if (!isWireName(target)) return null
  const place = { weight: weightOf(instance), port: service.port, target }
  const texts = isWireName(nodeName) ? metaRecords({ owner: nodeName, ttlSeconds }, node) : []
  const srv = srvRecord({ owner: null, ttlSeconds }, place)
  const { records, alias } = addressRecords({ owner: target, ttlSeconds }, address, recordType.SRV)
  if (alias === null) return group([srv], [...records, ...texts])
  const behind = follow(alias)
  return group([srv], [...behind.records, ...texts], behind.foreign)
}

/** A name of the zone that leads to the address: the node's, or the address in hex; a name is its own target. */
function targetOf(address: string, nodeName: string | null, suffix: string): string {
  const bytes = addressBytes(address)
  if (bytes === null) return withoutDot(address)
  return nodeName ?? `${bytes.toString('hex')}.addr.${suffix}`
}

function weightOf({ service, checks }: Instance): number {
  return checks.some(({ status }) => status === 'warning') ? service.weights.Warning : service.weights.Passing
}
