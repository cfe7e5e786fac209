import type { Exchange, HeaderList } from '../exchange.ts'
import { fieldOf } from '../../http1/field.ts'
import { setField } from '../http/header-list.ts'
import type { AttemptPolicy, DeadlinePolicy } from './policy.ts'

interface DeadlineFormat {
  /** ms; null: it is none. */
  parse(text: string): number | null
  write(ms: number): string
}

const grpcUnitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }

/** How the time may be written. To add one: a line here. */
const deadlineFormats: Readonly<Record<DeadlinePolicy['format'], DeadlineFormat>> = {
  /** `1500` */
  ms: {
    parse: (text) => (/^\d{1,12}$/.test(text) ? Number(text) : null),
    write: (ms) => String(Math.floor(ms)),
  },
  /** `1.5` */
  seconds: {
    parse: (text) => (/^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) * 1_000 : null),
    write: (ms) => (Math.floor(ms) / 1_000).toFixed(3),
  },
  /** `1500m`: `grpc-timeout` of the gRPC protocol over HTTP/2, at most eight digits and a unit. */
  grpc: {
    parse: (text) => {
      const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
      return digits === undefined ? null : Number(digits) * (grpcUnitMs[unit] ?? 0)
    },
    write: (ms) => (ms < 99_999_999 ? `${Math.floor(ms)}m` : `${Math.floor(ms / 1_000)}S`),
  },
}

/** When an exchange must be over, monotonic ms: by the policy, and by what a caller says that is believed; Infinity: it need not. */
export function totalBy(exchange: Exchange, { timeouts, deadline }: AttemptPolicy): number {
  const { totalMs = Infinity } = exchange.request
  const ownMs = Math.min(totalMs, timeouts.totalMs > 0 ? timeouts.totalMs : Infinity)
  return exchange.since + (deadline ? Math.min(ownMs, callerPatienceMs(exchange, deadline)) : ownMs)
}

/** From the begin of the exchange. */
function callerPatienceMs({ request, trusted }: Exchange, policy: DeadlinePolicy): number {
  if (!trusted || !policy.accept) return Infinity
  const text = fieldOf(request.headers, policy.header.toLowerCase())
  return (text === undefined ? null : deadlineFormats[policy.format].parse(text.trim())) ?? Infinity
}

/** A new list in which the upstream is told for how many ms it is waited for; what a client said there is gone. */
export function withDeadline(headers: HeaderList, policy: DeadlinePolicy, leftMs: number): HeaderList {
  const told = [...headers]
  setField(told, policy.header, deadlineFormats[policy.format].write(Math.max(1, leftMs)))
  return told
}
