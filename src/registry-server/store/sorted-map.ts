/** A map whose keys are kept in the byte order of their UTF-8 form, which is the order that Consul lists keys in. */
export class SortedMap<Value> {
  readonly #values = new Map<string, Value>()
  #keys: string[] = []

  get size(): number {
    return this.#values.size
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: Value): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#lowerBound(key), 0, key)
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#lowerBound(key), 1)
  }

  /** Fills an empty map in one go. */
  load(entries: Iterable<readonly [string, Value]>): void {
    for (const [key, value] of entries) this.#values.set(key, value)
    this.#keys = [...this.#values.keys()].toSorted(compareBytes)
  }

  /** All keys with their values, in key order. The map must not change meanwhile. */
  *entries(): Generator<readonly [string, Value]> {
    for (const key of this.#keys) {
      const value = this.#values.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  /** The values whose keys start with `prefix`, in key order. The map must not change meanwhile. */
  *withPrefix(prefix: string): Generator<Value> {
    for (let at = prefix === '' ? 0 : this.#lowerBound(prefix); at < this.#keys.length; at++) {
      const key = this.#keys[at]
      if (key === undefined || !key.startsWith(prefix)) return
      const value = this.#values.get(key)
      if (value !== undefined) yield value
    }
  }

  #lowerBound(key: string): number {
    let [low, high] = [0, this.#keys.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareBytes(this.#keys[middle] ?? '', key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Compares two strings by the bytes of their UTF-8 form: negative, 0, positive. */
export function compareBytes(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let at = 0; at < shorter; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

// In UTF-16 a surrogate (an astral character) sorts before U+E000…U+FFFF, in UTF-8 after.
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}
