import { errors, type Dispatcher } from 'undici'
import type { HeaderList } from '../dataplane/exchange.ts'
import { withoutHopByHop } from '../dataplane/http/hop-by-hop.ts'
import { isField } from '../http1/field.ts'
import { consistsOf, tokenOctets, valueOctets } from '../http1/octets.ts'

/** The fields of a request, as far as the application sets them. */
export interface RequestFields {
  /** Without the body's length. */
  readonly list: HeaderList
  /** Bytes of the body as they say; null: they do not. */
  readonly lengthBytes: number | null
}

/** Takes the fields in any of undici's forms, and `host` where they name none. Throws undici's InvalidArgumentError for one that cannot be sent. */
export function requestFields(headers: Dispatcher.DispatchOptions['headers'], host: string): RequestFields {
  const fields = new Fields(host)
  if (!headers) return fields
  if (Array.isArray(headers)) addFlat(fields, headers)
  else if (Symbol.iterator in headers) for (const [name, value] of headers) addEach(fields, name, value)
  else for (const name of Object.keys(headers)) addEach(fields, name, headers[name])
  return { list: withoutHopByHop(fields.list), lengthBytes: fields.lengthBytes }
}

class Fields implements RequestFields {
  readonly list: HeaderList
  lengthBytes: number | null = null

  constructor(host: string) {
    this.list = ['Host', host]
  }

  add(name: string, value: string): void {
    if (name === '' || !consistsOf(tokenOctets, name))
      throw new errors.InvalidArgumentError(`invalid header name ${JSON.stringify(name)}`)
    if (!consistsOf(valueOctets, value)) throw new errors.InvalidArgumentError(`invalid value of the header ${name}`)
    if (isField(name, 'host')) this.list[1] = value
    else if (isField(name, 'content-length')) this.lengthBytes = lengthOf(value)
    else this.list.push(name, value)
  }
}

function addFlat(fields: Fields, headers: readonly unknown[]): void {
  if (Array.isArray(headers[0])) {
    for (const [name, value] of headers as readonly (readonly [string, unknown])[]) addEach(fields, name, value)
    return
  }
  if (headers.length % 2 !== 0) throw new errors.InvalidArgumentError('headers array must be even')
  for (let i = 0; i < headers.length; i += 2) addEach(fields, String(headers[i]), headers[i + 1])
}

function addEach(fields: Fields, name: string, value: unknown): void {
  if (typeof value === 'string') fields.add(name, value)
  else if (Array.isArray(value)) for (const one of value) fields.add(name, String(one))
  else if (typeof value === 'number' || typeof value === 'boolean') fields.add(name, String(value))
  else if (value !== undefined && value !== null) throw new errors.InvalidArgumentError(`invalid value of the header ${name}`)
}

function lengthOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new errors.InvalidArgumentError('invalid content-length header')
  return Number(text)
}
