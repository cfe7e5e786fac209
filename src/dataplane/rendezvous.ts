// Rendezvous hashing: every candidate has a score for a key and the highest wins, so that one that comes or goes moves only the keys that it
// wins or had won. Sources: Thaler and Ravishankar 1998; weights by the logarithmic method.

/** Where hashes begin. */
export const HASH_SEED = 0x811c9dc5

/** FNV-1a over the text, from a seed, mixed as in Murmur 3, so that texts that differ in their last digit are far apart. */
export function hashText(seed: number, text: string): number {
  let value = seed
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}

/** Exponentially distributed by weight, so that each wins its share of the keys. */
export function scoreOf(hashed: number, weight: number): number {
  return weight / -Math.log((hashed + 0.5) / 2 ** 32)
}
