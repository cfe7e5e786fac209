// What the replicas tell each other of the keys of a limit: fingerprints, two numbers each, and how much each has taken. Only of those that
// take much: who takes little everywhere cannot exceed a limit.

/** Of so many keys, at the most, one beat tells. */
const MOST_TOLD = 50
const NUMBERS_EACH = 3
const BYTES_EACH = NUMBERS_EACH * 4

/** The keys that have taken most of those that have taken at least so much, as told. */
export function heaviestOf(counted: Uint32Array, least: number): Uint32Array {
  const sums = new Map<number, [low: number, high: number, count: number]>()
  for (let at = 0; at + 2 < counted.length; at += NUMBERS_EACH) {
    const [low = 0, high = 0, count = 0] = counted.subarray(at, at + NUMBERS_EACH)
    // 53 bits of 64: of two keys in 9 quadrillion one stands for the other here.
    const id = low * 2 ** 21 + (high >>> 11)
    const before = sums.get(id)
    if (before) before[2] += count
    else sums.set(id, [low, high, count])
  }
  const heavy = [...sums.values()].filter(([, , count]) => count >= least)
  const told = heavy.length <= MOST_TOLD ? heavy : heavy.toSorted((a, b) => b[2] - a[2]).slice(0, MOST_TOLD)
  return Uint32Array.from(told.flat())
}

export function toldText(told: Uint32Array): string {
  return Buffer.from(told.buffer, told.byteOffset, told.byteLength).toString('base64')
}

/** Anybody can write a beat; null: it makes no sense. */
export function readTold(text: unknown): Uint32Array | null {
  if (typeof text !== 'string' || text.length > (MOST_TOLD * BYTES_EACH * 4) / 3 + 4) return null
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 0 || bytes.length % BYTES_EACH !== 0) return null
  return new Uint32Array(Uint8Array.from(bytes).buffer)
}
