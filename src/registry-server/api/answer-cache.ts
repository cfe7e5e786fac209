const maxCachedCharacters = 16 * 1024 * 1024
const mostNoted = 10_000

/** Texts of answers, as of one index of the catalog. Bounded: it starts anew when it is full. */
export class AnswerCache {
  readonly #texts = new Map<string, string>()
  readonly #noted = new Set<string>()
  #index = -1n
  #characters = 0

  text(key: string, index: bigint, write: () => string): string {
    if (index !== this.#index || this.#characters > maxCachedCharacters) {
      this.#texts.clear()
      this.#index = index
      this.#characters = 0
    }
    const known = this.#texts.get(key)
    if (known !== undefined) return known
    const text = write()
    this.#texts.set(key, text)
    this.#characters += key.length + text.length
    return text
  }

  /** Whether somebody has asked for this with `?cached` before. */
  noteCached(key: string): boolean {
    if (this.#noted.has(key)) return true
    if (this.#noted.size >= mostNoted) this.#noted.clear()
    this.#noted.add(key)
    return false
  }
}
