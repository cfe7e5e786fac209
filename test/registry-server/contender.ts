import { seededRandom } from '../support/seeded-random.ts'
import type { Observation } from './lock-observations.ts'

// One of the processes that contend for locks: `contender.ts NAME URL SEED FACTOR`. It says what it saw, one JSON line each.
const [name = '', url = '', seed = '0', factor = '1'] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const locks = ['locks/a', 'locks/b', 'locks/c']

/** Monotonic time, the same in all processes of the machine, ms. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function say(observation: Omit<Observation, 'contender'>): void {
  process.stdout.write(`${JSON.stringify({ contender: name, ...observation })}\n`)
}

async function ask(method: 'GET' | 'PUT', path: string, body?: string): Promise<{ status: number; text: string }> {
  for (;;) {
    try {
      const answer = await fetch(`${url}${path}`, { method, ...(body === undefined ? {} : { body }) })
      return { status: answer.status, text: await answer.text() }
    } catch (error) {
      // The registry was killed. A write may have happened: only reads and what is harmless twice is sent again.
      if (method === 'PUT' && path.includes('/kv/')) throw error
      await pause(20)
    }
  }
}

async function openSession(): Promise<string> {
  const { text } = await ask('PUT', '/v1/session/create', JSON.stringify({ Name: name, TTL: '10s', LockDelay: '5s' }))
  return (JSON.parse(text) as { ID: string }).ID
}

/** Looks whether the session holds the lock, and says so. */
async function looks(lock: string, session: string): Promise<boolean> {
  const sentAt = now()
  const { status, text } = await ask('GET', `/v1/kv/${lock}?consistent`)
  if (status !== 200) return false
  const [entry] = JSON.parse(text) as { Session?: string; LockIndex: number }[]
  if (!entry || entry.Session !== session) return false
  say({ kind: 'held', lock, session, lockIndex: entry.LockIndex, sentAt, answeredAt: now() })
  return true
}

async function acquire(lock: string, session: string): Promise<boolean> {
  try {
    const { text } = await ask('PUT', `/v1/kv/${lock}?acquire=${session}`, name)
    // A 500 for a session that has ended counts as not acquired.
    return text === 'true'
  } catch {
    // No answer: looking tells.
    return true
  }
}

async function release(lock: string, session: string): Promise<void> {
  say({ kind: 'releases', lock, session, lockIndex: 0, sentAt: now(), answeredAt: now() })
  await ask('PUT', `/v1/kv/${lock}?release=${session}`, '').catch(() => {})
}

/** Holds the lock for a while, looking again and again; ends with a release, with the session, or by being forgotten. */
async function hold(lock: string, session: string): Promise<void> {
  for (let left = Math.floor(random() * 12); left > 0; left--) {
    await pause(random() * 60)
    if (random() < 0.2) await ask('PUT', `/v1/session/renew/${session}`)
    if (!(await looks(lock, session))) return
  }
  const end = random()
  if (end < 0.5) await release(lock, session)
  else if (end < 0.7) await ask('PUT', `/v1/session/destroy/${session}`)
}

for (;;) {
  const session = await openSession()
  const until = now() + (random() * 40_000) / Number(factor)
  while (now() < until) {
    const lock = locks[Math.floor(random() * locks.length)] ?? ''
    if ((await acquire(lock, session)) && (await looks(lock, session))) await hold(lock, session)
    else await pause(random() * 40)
    const { status } = await ask('PUT', `/v1/session/renew/${session}`)
    if (status !== 200) break
  }
}
