import { METHODS } from 'node:http'

/** A case in which we accept what llhttp in strict mode refuses. */
export interface Exception {
  readonly what: string
  /** Why it is right, and where that stands. */
  readonly why: string
  /** Whether it explains that llhttp refused, with this code, the message that we read to begin like this (`GET /x`, or a status). */
  readonly explains: (refusal: string, start: string) => boolean
}

/** All of them. What is not here is a bug of ours. */
export const beyondLlhttp: readonly Exception[] = [
  {
    what: 'a method that llhttp does not know',
    why: 'RFC 9110 §9.1: a method is any token; a gateway that knows all of them stops at the next one',
    explains: (refusal, start) => refusal === 'HPE_INVALID_METHOD' && !METHODS.includes(start.split(' ')[0] ?? ''),
  },
]
