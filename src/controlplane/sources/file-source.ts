import { readFile } from 'node:fs/promises'
import type { Clock, Timer } from '../../clock.ts'
import { GatewayError, messageOf, systemCodeOf } from '../../errors.ts'

/** How often the file is looked at, ms: reading a small file is cheaper than the ways in which file events get lost. */
const LOOK_EVERY_MS = 1_000

export interface FileSourceOptions {
  readonly file: string
  /** What was read at start; only a text that differs from the last one is reported. */
  readonly text: string
  readonly clock: Clock
  /** May take its time; the next look waits for it. */
  onText(text: string): void | Promise<void>
  /** Called once per outage, not at each look; `why` is a sentence without the file's name. */
  onUnreadable(why: string): void
}

export interface FileSource {
  /** Reads the file now and reports it even if nothing changed (SIGHUP, `POST /reload`). */
  reload(): Promise<void>
  close(): void
}

/** Reads a config file; throws `config_unreadable` with what to do. */
export async function readConfigText(file: string): Promise<string> {
  const found = await tryReadConfigText(file)
  if ('text' in found) return found.text
  throw new GatewayError('config_unreadable', `${file}: ${found.why}`)
}

/** Reads a config file, or tells why it cannot be read and what to do. */
export async function tryReadConfigText(file: string): Promise<{ readonly text: string } | { readonly why: string }> {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)) }
  } catch (error) {
    return { why: error instanceof TypeError ? 'is not UTF-8 text: save it as UTF-8' : hintOf(error) }
  }
}

function hintOf(error: unknown): string {
  const code = systemCodeOf(error)
  if (code === 'ENOENT') return 'does not exist: check the path'
  if (code === 'EISDIR') return 'is a folder: name the file in it'
  return `cannot be read: ${messageOf(error)}`
}

/** Follows a config file by content, so that editors that rename, symlink swaps and network folders all work. Closed by the caller. */
export function watchConfigFile(options: FileSourceOptions): FileSource {
  let last = options.text
  let failing = false
  let closed = false
  let timer: Timer
  let looking: Promise<void> = Promise.resolve()

  const look = async (force: boolean): Promise<void> => {
    const found = await tryReadConfigText(options.file)
    if (closed) return
    if ('why' in found) {
      if (!failing || force) options.onUnreadable(found.why)
      failing = true
      return
    }
    // A file that is back is told even if it says what it said before: somebody was told that it could not be read.
    const isNews = failing || found.text !== last
    failing = false
    last = found.text
    if (isNews || force) await options.onText(found.text)
  }
  // One look at a time: a slow one must not bring an older text after a newer one.
  const lookNext = (force: boolean): Promise<void> => {
    const turn = looking.then(() => look(force))
    // A failure is for who asked for this look; the next one goes on.
    looking = turn.catch(() => {})
    return turn
  }
  const arm = (): void => {
    timer = options.clock.after(LOOK_EVERY_MS, () => void lookNext(false).finally(() => closed || arm()))
  }
  arm()
  return {
    reload: () => lookNext(true),
    close: () => {
      closed = true
      timer.cancel()
    },
  }
}
