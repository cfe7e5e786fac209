import { Worker } from 'node:worker_threads'
import { GatewayError } from '../../errors.ts'

/** So many checks may wait; each takes some 100 ms on purpose, and nobody waits for more than some seconds. */
const MOST_WAITING = 32

interface Waiting {
  resolve(fits: boolean): void
  reject(error: GatewayError): void
}

/** Checks passwords in a thread of its own, so that their slow hashes hold up nothing else. The thread starts with the first check. */
export class PasswordThread {
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | null = null
  #next = 0
  #closed = false

  /** Whether the password fits. Throws `auth_unavailable` if too many wait or the thread ends. */
  check(password: string, hash: string): Promise<boolean> {
    if (this.#closed || this.#waiting.size >= MOST_WAITING)
      return Promise.reject(new GatewayError('auth_unavailable', `${this.#waiting.size} checks of passwords wait already`))
    this.#worker ??= this.#start()
    const id = this.#next++
    this.#worker.postMessage({ id, password, hash }, [])
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  close(): void {
    this.#closed = true
    void this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(
      new URL(import.meta.url.endsWith('.ts') ? './password-worker.ts' : './password-worker.js', import.meta.url),
    )
    worker.unref()
    worker.on('message', ({ id, fits }: { id: number; fits: boolean }) => {
      this.#waiting.get(id)?.resolve(fits)
      this.#waiting.delete(id)
    })
    // 'exit' follows, and ends what waits.
    worker.on('error', () => {})
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = null
      for (const waiting of this.#waiting.values())
        waiting.reject(new GatewayError('auth_unavailable', 'the thread that checks passwords ended'))
      this.#waiting.clear()
    })
    return worker
  }
}
