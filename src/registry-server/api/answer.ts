import { constants, gzip } from 'node:zlib'
import type { Reply } from '../http/reply.ts'
import type { Refusal } from '../refusal.ts'
import { toJson, toPrettyJson } from './json.ts'

/** What goes back to the client. */
export interface Answer {
  readonly status: number
  readonly body: string | Uint8Array
  /** Names and values in turn. */
  readonly headers: readonly string[]
  /** Sends what comes, for as long as the client stays, in the place of a body; returns how to stop. */
  readonly follow?: (send: (text: string) => void) => () => void
}

const json = ['Content-Type', 'application/json'] as const
const text = ['Content-Type', 'text/plain; charset=utf-8'] as const

/** Agent writes: 200 with nothing in it. */
export const done: Answer = { status: 200, body: '', headers: [] }

export function jsonAnswer(value: unknown, isPretty: boolean, headers: readonly string[] = []): Answer {
  return { status: 200, body: isPretty ? toPrettyJson(value) : toJson(value), headers: [...json, ...headers] }
}

export function textAnswer(status: number, body: string, headers: readonly string[] = []): Answer {
  return { status, body, headers: [...text, ...headers] }
}

export function refusalAnswer({ status, message, duringRead }: Refusal): Answer {
  return textAnswer(status, message, duringRead ? failedReadHeaders : [])
}

// Consul's answer to a read that failed knows no index and, as it says, no leader.
const failedReadHeaders = ['X-Consul-Index', '1', 'X-Consul-Knownleader', 'false', 'X-Consul-Lastcontact', '0']

/** The headers of every read. An index of 0 is sent as 1: clients take 0 for "do not block". */
export function readHeaders(index: bigint, consistency?: string): string[] {
  const headers = [
    'X-Consul-Index',
    (index > 0n ? index : 1n).toString(),
    'X-Consul-Knownleader',
    'true',
    'X-Consul-Lastcontact',
    '0',
  ]
  if (consistency !== undefined) headers.push('X-Consul-Effective-Consistency', consistency)
  return headers
}

/** A text as it can be a header's value: UTF-8 bytes as Go sends them, and blanks for what would end the line. */
export function headerText(text: string): string {
  return Buffer.from(text.replace(/[\p{Cc}]/gu, ' ')).toString('latin1')
}

// Below this, compressing costs more than it saves.
const smallestGzipBytes = 256

/** Whether a client takes gzip: it is named, and not with a weight of 0. */
export function wantsGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false
  return acceptEncoding.split(',').some((coding) => /^\s*gzip\s*(?:;\s*q\s*=\s*(?:0\.0*[1-9]\d*|1(?:\.0*)?))?\s*$/i.test(coding))
}

export function sendAnswer(reply: Reply, answer: Answer, acceptsGzip = false): void {
  if (answer.follow) return sendFollowed(reply, answer, answer.follow)
  const { status, body, headers } = answer
  if (!acceptsGzip || body.length < smallestGzipBytes || headers.includes('application/x-gzip'))
    return reply.send(status, [...headers, ...varies], body)
  gzip(body, { level: constants.Z_BEST_SPEED }, (error, packed) => {
    if (error) reply.destroy()
    else reply.send(status, [...headers, 'Content-Encoding', 'gzip', ...varies], packed)
  })
}

const varies = ['Vary', 'Accept-Encoding'] as const
// What a client that reads slowly may have waiting; what comes beyond it is dropped.
const mostWaitingBytes = 1024 * 1024

function sendFollowed(reply: Reply, { status, headers }: Answer, follow: NonNullable<Answer['follow']>): void {
  reply.begin(status, [...headers, ...varies])
  const stop = follow((text) => {
    if (reply.waitingBytes < mostWaitingBytes) reply.write(text)
  })
  reply.onGone = () => {
    stop()
    reply.end()
  }
}
