import type { Readable } from 'node:stream'
import type { Failure, HeaderList } from '../exchange.ts'
import { fieldOf } from '../../http1/field.ts'

/** A request to be sent up. */
export interface UpstreamRequest {
  readonly method: string
  /** In origin form. */
  readonly target: string
  /** Without fields for one connection only; a Content-Length among them is the body's. */
  readonly headers: HeaderList
  readonly body: Readable | Buffer | null
}

/** Whose request is under way: told what becomes of it. After `onEnd` or `onFailure` nothing more comes. */
export interface RequestOwner {
  /** Whether the piece given to `onData` last may still be looked at. */
  readonly isHolding: boolean
  /** The request goes onto the connection: from here on the upstream may see it. */
  onSending(): void
  onBodyProgress(complete: boolean): void
  onInterim(status: number, headers: HeaderList): void
  onHead(status: number, headers: HeaderList): void
  /** False: no more until `resume`. */
  onData(chunk: Buffer): boolean
  onEnd(): void
  /** `isStale`: not a byte of an answer came back, on a connection that had stood idle before or that others had to be answered on first. */
  onFailure(failure: Failure, isStale: boolean): void
}

/** Takes an answer that nobody wants any more, but that stands before others. */
export const nobody: RequestOwner = {
  isHolding: false,
  onSending: () => {},
  onBodyProgress: () => {},
  onInterim: () => {},
  onHead: () => {},
  onData: () => true,
  onEnd: () => {},
  onFailure: () => {},
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether a request may stand behind another on a connection (RFC 9112 §9.3.2): it may have to be sent again, so it must change nothing,
 * have no body, and not begin a stream of events, which would have all behind it wait.
 */
export function isPipelinable({ method, headers, body }: UpstreamRequest): boolean {
  return body === null && safeMethods.has(method) && fieldOf(headers, 'accept')?.includes('text/event-stream') !== true
}
