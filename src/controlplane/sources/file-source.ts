import { readFile } from 'node:fs/promises'
import type { Clock, Timer } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'

/** How often the file is looked at, ms: reading a small file is cheaper than the ways in which file events get lost. */
const LOOK_EVERY_MS = 1_000

export interface FileSourceOptions {
  readonly file: string
  /** What was read at start; only a text that differs from the last one is reported. */
  readonly text: string
  readonly clock: Clock
  onText(text: string): void
  /** Called once per outage, not at each look. */
  onError(error: GatewayError): void
}

export interface FileSource {
  /** Reads the file now and reports it even if nothing changed (SIGHUP, `POST /reload`). */
  reload(): Promise<void>
  close(): void
}

/** Reads a config file; throws `config_unreadable` with what to do. */
export async function readConfigText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (error) {
    const hint = error instanceof TypeError ? 'it is not UTF-8 text: save it as UTF-8' : messageOf(error)
    throw new GatewayError('config_unreadable', `${file}: ${hint}`, { cause: error })
  }
}

/** Follows a config file by content, so that editors that rename, symlink swaps and network folders all work. Closed by the caller. */
export function watchConfigFile(options: FileSourceOptions): FileSource {
  let last = options.text
  let failing = false
  let closed = false
  let timer: Timer

  const look = async (force: boolean): Promise<void> => {
    const found = await readConfigText(options.file).catch((error: GatewayError) => error)
    if (closed) return
    if (found instanceof GatewayError) {
      if (!failing || force) options.onError(found)
      failing = true
      return
    }
    failing = false
    if (found === last && !force) return
    last = found
    options.onText(found)
  }
  const arm = (): void => {
    timer = options.clock.after(LOOK_EVERY_MS, () => void look(false).finally(() => closed || arm()))
  }
  arm()
  return {
    reload: () => look(true),
    close: () => {
      closed = true
      timer.cancel()
    },
  }
}
