import { argon2Sync, timingSafeEqual } from 'node:crypto'
import { compareSync } from 'bcryptjs'

const bcrypt = /^\$2[aby]\$(?:0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$/
const argon2 = /^\$(argon2(?:id|i|d))\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/

const MOST_MEMORY_KIB = 1024 * 1024

/** Why a text is no hash of a password that can be checked here, with the fix, or null. It never shows the text. */
export function passwordHashProblem(text: string): string | null {
  if (bcrypt.test(text)) return null
  const found = argon2.exec(text)
  if (!found) return 'must be a hash of the password, bcrypt ($2b$…, cost 4 to 15) or argon2 ($argon2id$v=19$…): see htpasswd -B'
  // Node has it from 24.7.
  if (typeof argon2Sync !== 'function')
    return 'is an argon2 hash, which this Node cannot check: use Node 24.7 or later, or bcrypt'
  const [memory, passes, lanes] = [Number(found[2]), Number(found[3]), Number(found[4])]
  if (passes >= 1 && passes <= 64 && lanes >= 1 && lanes <= 16 && memory >= 8 * lanes && memory <= MOST_MEMORY_KIB) return null
  return 'is an argon2 hash with parameters out of range: m is 8 per lane to 1048576, t 1 to 64, p 1 to 16'
}

/** Checks a password against a hash without a {@link passwordHashProblem}. It takes long on purpose, and blocks its thread. */
export function passwordFits(password: string, hash: string): boolean {
  const found = argon2.exec(hash)
  if (!found) return compareSync(password, hash)
  const [, algorithm = '', memory, passes, parallelism, salt = '', tag = ''] = found
  const expected = Buffer.from(tag, 'base64')
  const actual = argon2Sync(algorithm as 'argon2id', {
    message: password,
    nonce: Buffer.from(salt, 'base64'),
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    tagLength: expected.length,
  })
  return timingSafeEqual(actual, expected)
}
