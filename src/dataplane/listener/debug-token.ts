import { fieldOf } from '../../http1/field.ts'
import { digestOf, sameDigest } from '../../secret-digest.ts'
import type { HeaderList } from '../exchange.ts'
import { FieldNames, removeFields } from '../http/header-list.ts'
import { FieldTrace } from '../field-trace.ts'

/** By which field clients ask to see how their request goes, and what they have to know for that. */
export interface DebugOptions {
  readonly header: string
  readonly token: string
}

/** Looks whether a request has the token. */
export class DebugToken {
  readonly #header: string
  readonly #names: FieldNames
  readonly #digest: Buffer

  constructor({ header, token }: DebugOptions) {
    this.#header = header.toLowerCase()
    this.#names = new FieldNames([header])
    this.#digest = digestOf(token)
  }

  /** Takes the field out, whatever it says: nobody behind the listener sees the token. A wrong one is as none. */
  take(headers: HeaderList): FieldTrace | undefined {
    const given = fieldOf(headers, this.#header)
    if (given === undefined) return undefined
    removeFields(headers, this.#names)
    return sameDigest(digestOf(given), this.#digest) ? new FieldTrace(this.#header) : undefined
  }
}
