import type { HeaderList, Trace, TracedMember, TracedWay } from './exchange.ts'
import { quoted } from './proxy-status.ts'

/** So many instances that get nothing are named. */
const MOST_LEFT_OUT = 10

/** A trace that goes into one field of the answer. */
export class FieldTrace implements Trace {
  readonly #field: string
  /** Each attempt's address, and behind it why it was not the last. */
  readonly #attempts: string[] = []
  #last: string | null = null
  #generation: number | null = null

  constructor(field: string) {
    this.#field = field
  }

  begin(generation: number): void {
    this.#generation = generation
  }

  tries(address: string): void {
    this.#last = address
    this.#attempts.push(address)
  }

  note(what: string): void {
    const attempt = this.#attempts.pop()
    if (attempt !== undefined) this.#attempts.push(`${attempt} ${what}`)
  }

  tell(headers: HeaderList, { route, upstream }: TracedWay): void {
    const members = upstream?.members.all ?? []
    const instance = members.find(({ endpoint }) => endpoint.key === this.#last)
    const parts = [
      'meshgate',
      ...(this.#generation === null ? [] : [`config=${this.#generation}`]),
      ...texts({
        route,
        upstream: upstream?.name ?? null,
        instance: instance?.id ?? null,
        attempts: this.#attempts.join(', ') || null,
        'left-out': leftOut(members) || null,
      }),
    ]
    headers.push(this.#field, parts.join('; '))
  }
}

function texts(parameters: Readonly<Record<string, string | null>>): readonly string[] {
  return Object.entries(parameters).flatMap(([name, text]) => (text === null ? [] : [`${name}=${quoted(text)}`]))
}

function leftOut(members: readonly TracedMember[]): string {
  const excluded = members.filter(({ exclusion }) => exclusion !== null)
  const named = excluded
    .slice(0, MOST_LEFT_OUT)
    .map(({ id, exclusion, detail }) => `${id} ${exclusion}${detail ? ` (${detail})` : ''}`)
  const more = excluded.length - named.length
  return [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ')
}
