import { createHash, timingSafeEqual } from 'node:crypto'

/** What a secret is kept and compared as: digests have one length, so how long a comparison takes tells nothing of the secret. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Compares two of {@link digestOf} in constant time. */
export function sameDigest(left: Buffer, right: Buffer): boolean {
  return timingSafeEqual(left, right)
}
