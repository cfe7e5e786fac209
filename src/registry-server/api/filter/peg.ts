const deepest = 1500

/**
 * The ground of a parsing expression grammar that remembers, as Go's pigeon does, what it expected at the farthest place it came to:
 * clients of Consul know those sentences. A rule's result at a place is kept, so nested parentheses do not cost exponential time.
 */
export class Peg {
  readonly text: string
  at = 0
  readonly problems = new Set<string>()
  readonly #kept = new Map<string, { readonly end: number; readonly value: unknown }>()
  #expected = new Set<string>()
  #farthest = 0
  #isInverted = false
  #depth = 0

  constructor(text: string) {
    this.text = text
  }

  /** Takes `literal`; `undefined` and nothing taken otherwise. */
  literal(literal: string): string | undefined {
    const isThere = this.text.startsWith(literal, this.at)
    this.#note(isThere, JSON.stringify(literal))
    return isThere ? this.#take(literal.length) : undefined
  }

  /** Takes one character of a class, written as in a regular expression: `[a-z]`. */
  character(charClass: string, pattern: RegExp): string | undefined {
    const character = this.#current()
    const isThere = character !== '' && pattern.test(character)
    this.#note(isThere, charClass)
    return isThere ? this.#take(character.length) : undefined
  }

  any(): string | undefined {
    const character = this.#current()
    this.#note(character !== '', '.')
    return character === '' ? undefined : this.#take(character.length)
  }

  /** Looks ahead for what must not be there. */
  not(parse: () => unknown): boolean {
    const start = this.at
    this.#isInverted = !this.#isInverted
    const found = parse()
    this.#isInverted = !this.#isInverted
    this.at = start
    return found === undefined
  }

  ahead(parse: () => unknown): boolean {
    const start = this.at
    const found = parse()
    this.at = start
    return found !== undefined
  }

  /** The first of several ways that works. */
  either<T>(...ways: (() => T | undefined)[]): T | undefined {
    const start = this.at
    for (const way of ways) {
      const found = way()
      if (found !== undefined) return found
      this.at = start
    }
    return undefined
  }

  /** A named rule. */
  rule<T>(name: string, parse: () => T | undefined): T | undefined {
    const start = this.at
    const key = `${name} ${start} ${this.#isInverted}`
    const kept = this.#kept.get(key)
    if (kept) {
      this.at = kept.end
      return kept.value as T | undefined
    }
    if (++this.#depth > deepest) throw new RangeError('the expression is nested too deeply')
    const value = parse()
    this.#depth--
    if (value === undefined) this.at = start
    this.#kept.set(key, { end: this.at, value })
    return value
  }

  /** Notes what is wrong at a place, in the words of a named rule; the parse goes on. */
  problem(rule: string, reason: string, at = this.at): undefined {
    this.problems.add(`${this.#place(at)}: rule ${JSON.stringify(rule)}: ${reason}`)
    return undefined
  }

  /** What was expected where the parse came to an end for good. */
  unmatched(): string {
    const wanted = [...this.#expected].filter((want) => want !== '!.').toSorted()
    if (this.#expected.has('!.')) wanted.push('EOF')
    const last = wanted.pop() ?? ''
    const list = wanted.length === 0 ? last : `${wanted.join(', ')} or ${last}`
    return `${this.#place(this.#farthest)}: no match found, expected: ${list}`
  }

  #note(isThere: boolean, want: string): void {
    if (isThere !== this.#isInverted || this.at < this.#farthest) return
    if (this.at > this.#farthest) this.#expected = new Set()
    this.#farthest = this.at
    this.#expected.add(this.#isInverted ? `!${want}` : want)
  }

  #take(length: number): string {
    const taken = this.text.slice(this.at, this.at + length)
    this.at += length
    return taken
  }

  #current(): string {
    const point = this.text.codePointAt(this.at)
    return point === undefined ? '' : String.fromCodePoint(point)
  }

  /** `line:column (offset in bytes)` */
  #place(at: number): string {
    const before = this.text.slice(0, at)
    const lines = before.split('\n')
    return `${lines.length}:${Array.from(lines.at(-1) ?? '').length + 1} (${Buffer.byteLength(before)})`
  }
}
