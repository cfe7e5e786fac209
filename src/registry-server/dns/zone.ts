import type { Clock, Random } from '../../clock.ts'
import type { Instance } from '../store/catalog-reads.ts'
import type { CatalogView } from './catalog-view.ts'
import { addressRecords, nodeGroup, typesOfNodes } from './node-records.ts'
import type { DnsOptions } from './options.ts'
import type { RunPreparedQuery } from './prepared-queries.ts'
import { hexAddressRecord, isWireName, nsRecord, ptrRecord, recordType, soaRecord, type DnsRecord } from './record.ts'
import { failure, fixedReply, group, noData, noSuchName, rcode, shuffledReply, type Reply } from './reply.ts'
import { serviceGroups, type Follow } from './service-records.ts'
import { serviceTtlSeconds } from './service-ttl.ts'
import { shuffled } from './shuffled.ts'
import { readWanted } from './wanted.ts'

export interface ZoneOptions {
  readonly catalog: CatalogView
  readonly options: DnsOptions
  readonly datacenter: string
  readonly runQuery: RunPreparedQuery
  readonly clock: Clock
  readonly random: Random
}

/** Consul: an alias that leads to another alias of the zone is followed this often. */
const mostAliases = 3
/** Consul: so many records are told behind an alias. */
const mostBehindAlias = 5
/** Consul: no more servers than these are told. */
const mostNameServers = 3

/** Answers for the zone, and for reverse names, out of the catalog. */
export class Zone {
  readonly #parts: ZoneOptions
  readonly #domain: string
  readonly #ending: string

  constructor(parts: ZoneOptions) {
    this.#parts = parts
    this.#domain = parts.options.domain.toLowerCase()
    this.#ending = `.${this.#domain}`
  }

  /** Whether a name, in lower case, is of the zone. */
  has(name: string): boolean {
    return name === this.#domain || name.endsWith(this.#ending)
  }

  /** Names come in lower case. */
  reply(name: string, type: number): Reply {
    switch (type) {
      case recordType.SOA: {
        const { servers, addresses } = this.#nameServers()
        return { ...fixedReply([group([this.#soa()])], servers), additionals: addresses }
      }
      case recordType.NS: {
        const { servers, addresses } = this.#nameServers()
        return { ...fixedReply([group(servers)]), additionals: addresses }
      }
      case recordType.AXFR:
        return failure(rcode.notImplemented, true)
      default:
        return this.#records(name, type, mostAliases)
    }
  }

  /** The name behind an address; null: it is no address of the catalog. */
  reverseReply(name: string, type: number): Reply | null {
    const { catalog, datacenter } = this.#parts
    const node = catalog.nodeByReverse(name)
    const service = node ? undefined : catalog.serviceByReverse(name)
    if (!node && !service) return null
    const kind = node ? 'node' : 'service'
    const target = `${node?.name ?? service?.name}.${kind}.${datacenter}.${this.#domain}`
    if (!isWireName(target)) return null
    const pointer = ptrRecord({ owner: null, ttlSeconds: 0 }, target)
    return fixedReply([group([pointer])], type === recordType.SOA ? [this.#soa()] : [])
  }

  #records(name: string, type: number, aliasesLeft: number): Reply {
    const { datacenter: own } = this.#parts
    const below = name === this.#domain ? '' : name.slice(0, -this.#ending.length)
    const wanted = readWanted(below, type)
    if (wanted.kind === 'nothing') return noSuchName(this.#soa())
    if (wanted.kind === 'address') return this.#hexAddress(name, wanted.hex)
    if (wanted.datacenter !== null && wanted.datacenter !== own.toLowerCase()) return noSuchName(this.#soa())
    const asked = { name, type, aliasesLeft }
    if (wanted.kind === 'node') return this.#node(wanted.name, asked)
    if (wanted.kind === 'query') return this.#prepared(wanted.name, asked)
    const { catalog, options } = this.#parts
    const instances = catalog.instances(wanted, options.onlyPassing)
    return this.#instances(instances, serviceTtlSeconds(options, wanted.name), asked)
  }

  #instances(instances: readonly Instance[], ttlSeconds: number, { name, type, aliasesLeft }: Asked): Reply {
    if (instances.length === 0) return noSuchName(this.#soa())
    const suffix = `${this.#parts.datacenter}.${this.#domain}`
    const groups = serviceGroups(instances, { name, type, ttlSeconds, suffix }, this.#follow(aliasesLeft))
    return groups.length === 0 ? noData(this.#soa()) : shuffledReply(groups)
  }

  #prepared(name: string, asked: Asked): Reply {
    const found = this.#parts.runQuery(name)
    if (!found) return noSuchName(this.#soa())
    const ttlSeconds = found.ttlSeconds ?? serviceTtlSeconds(this.#parts.options, found.service)
    // They come in the query's own order: random, or by distance.
    return { ...this.#instances(found.instances, ttlSeconds, asked), shuffled: false, lasting: false }
  }

  #node(name: string, { type, aliasesLeft }: Asked): Reply {
    const { catalog, options } = this.#parts
    // Consul: of any other type there is nothing, whether or not the node is there.
    if (!typesOfNodes.includes(type)) return fixedReply([])
    const node = catalog.node(name)
    if (!node) return noSuchName(this.#soa())
    const { group: told, alias } = nodeGroup(node, type, Math.floor(options.nodeTtlMs / 1_000))
    if (alias === null) return { ...fixedReply([told]), lasting: true }
    const behind = this.#follow(aliasesLeft)(alias)
    const [cname, ...texts] = told.answers
    return fixedReply([{ ...told, answers: [...(cname ? [cname] : []), ...behind.records, ...texts], foreign: behind.foreign }])
  }

  /** Consul: the type of the question does not matter, and an address of the wrong length is a name without records. */
  #hexAddress(name: string, hex: string): Reply {
    if (hex.length >> 1 !== 4 && hex.length >> 1 !== 16) return fixedReply([])
    if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/.test(hex)) return noSuchName(this.#soa())
    const ttlSeconds = Math.floor(this.#parts.options.nodeTtlMs / 1_000)
    return fixedReply([group([hexAddressRecord({ owner: name, ttlSeconds }, Buffer.from(hex, 'hex'))])])
  }

  /** Follows an alias within the zone; one that leads out of it is left to the recursors. */
  #follow(aliasesLeft: number): Follow {
    return (alias) => {
      if (!this.has(alias)) return { records: [], foreign: alias }
      if (aliasesLeft === 0) return { records: [], foreign: null }
      const { groups } = this.#records(alias, recordType.A, aliasesLeft - 1)
      const told = groups.slice(0, mostBehindAlias)
      // What was the question's name there is the alias here.
      const records = told.flatMap(({ answers }) => answers.map((record) => ({ ...record, owner: record.owner ?? alias })))
      return {
        records: records.slice(0, mostBehindAlias),
        foreign: told.find(({ foreign }) => foreign !== null)?.foreign ?? null,
      }
    }
  }

  #soa(): DnsRecord {
    return soaRecord(this.#domain, this.#parts.clock.now())
  }

  #nameServers(): { readonly servers: readonly DnsRecord[]; readonly addresses: readonly DnsRecord[] } {
    const { catalog, datacenter, random, options } = this.#parts
    const ttlSeconds = Math.floor(options.nodeTtlMs / 1_000)
    const nodes = shuffled(catalog.instances({ name: 'consul', tag: '', inMesh: false }, false), random)
      .map(({ node }) => ({ name: `${node.name}.node.${datacenter}.${this.#domain}`, address: node.address }))
      .filter(({ name }) => isWireName(name))
      .slice(0, mostNameServers)
    return {
      servers: nodes.map(({ name }) => nsRecord({ owner: this.#domain, ttlSeconds }, name)),
      addresses: nodes.flatMap(
        ({ name, address }) => addressRecords({ owner: name, ttlSeconds }, address, recordType.ANY).records,
      ),
    }
  }
}

interface Asked {
  readonly name: string
  readonly type: number
  readonly aliasesLeft: number
}
