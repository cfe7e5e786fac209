import { Agent, request, type Dispatcher } from 'undici'

export interface LoadResult {
  readonly sent: number
  /** What went wrong, at most 20 of them. */
  readonly failures: readonly string[]
  readonly failed: number
}

export interface Load {
  /** The same result each time. */
  stop(): Promise<LoadResult>
}

/** Between two requests of a loop: the short forms run beside other tests, on as few cores. */
const PAUSE_MS = process.env['MESHGATE_SOAK'] ? 0 : 5

/**
 * Sends GET requests from `workers` concurrent loops until stopped. Any answer but 2xx, and any broken answer, counts as failed.
 * Uses its own connections; the loops end with `stop`.
 */
export function startLoad(url: string, workers: number, headers: Record<string, string> = {}): Load {
  const dispatcher: Dispatcher = new Agent({ connections: workers, pipelining: 1 })
  const failures: string[] = []
  const stopping = new AbortController()
  let [sent, failed] = [0, 0]
  const once = async (): Promise<void> => {
    sent++
    try {
      const answer = await request(url, { dispatcher, headers })
      const body = await answer.body.text()
      if (answer.statusCode >= 200 && answer.statusCode < 300) return
      failed++
      if (failures.length < 20) failures.push(`${answer.statusCode} ${body}`)
    } catch (error) {
      failed++
      if (failures.length < 20) failures.push(String(error))
    }
  }
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await once()
      if (PAUSE_MS > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
  const loops = Array.from({ length: workers }, loop)
  const end = async (): Promise<LoadResult> => {
    stopping.abort()
    await Promise.all(loops)
    await dispatcher.close()
    return { sent, failed, failures }
  }
  let ended: Promise<LoadResult> | null = null
  return { stop: () => (ended ??= end()) }
}
