import type { DnsRecord } from './record.ts'

/** Response codes (RFC 1035 §4.1.1). */
export const rcode = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const

/** Records that belong together: what one instance adds to an answer. */
export interface AnswerGroup {
  readonly answers: readonly DnsRecord[]
  readonly additionals: readonly DnsRecord[]
  /** A name outside the zone that the records end in: its addresses belong into the group too, if a recursor knows them. */
  readonly foreign: string | null
}

/** What is told, before it is fitted to how it travels. */
export interface Reply {
  readonly rcode: number
  /** Whether we speak for the zone. */
  readonly authoritative: boolean
  /** Absent: as far as there are recursors. */
  readonly recursionAvailable?: boolean
  readonly groups: readonly AnswerGroup[]
  /** The order of the groups is random in every answer: that spreads the load of those who take the first. */
  readonly shuffled: boolean
  /** A client without EDNS0 gets a few of the answers, and is not told that there are more. */
  readonly limited: boolean
  readonly authorities: readonly DnsRecord[]
  readonly additionals: readonly DnsRecord[]
  /** Whether the same question may get the same records again while the catalog does not change. */
  readonly lasting: boolean
}

const empty: Reply = {
  rcode: rcode.noError,
  authoritative: true,
  groups: [],
  shuffled: false,
  limited: false,
  authorities: [],
  additionals: [],
  lasting: false,
}

export function group(
  answers: readonly DnsRecord[],
  additionals: readonly DnsRecord[] = [],
  foreign: string | null = null,
): AnswerGroup {
  return { answers, additionals, foreign }
}

/** The same groups in random order, until the catalog changes. */
export function shuffledReply(groups: readonly AnswerGroup[]): Reply {
  return { ...empty, groups, shuffled: true, limited: true, lasting: groups.every(({ foreign }) => foreign === null) }
}

export function fixedReply(groups: readonly AnswerGroup[], authorities: readonly DnsRecord[] = []): Reply {
  return { ...empty, groups, authorities }
}

/** The name is there, but has no such record (NODATA, RFC 2308 §2.2). */
export function noData(soa: DnsRecord): Reply {
  return { ...empty, authorities: [soa] }
}

/** There is no such name (RFC 2308 §2.1). */
export function noSuchName(soa: DnsRecord): Reply {
  return { ...empty, rcode: rcode.nameError, authorities: [soa] }
}

export function failure(code: number, authoritative = false): Reply {
  return { ...empty, rcode: code, authoritative }
}
