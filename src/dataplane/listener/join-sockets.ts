import type { Socket } from 'node:net'

export interface JoinOptions {
  /** Without a byte in either direction, ms. */
  readonly idleMs: number
  /** Both are closed. */
  readonly onClosed: () => void
}

/** Lets the end of one socket be the end of the other, after that has got what was on its way; the bytes are piped by somebody else. */
export function joinSockets(one: Socket, other: Socket, { idleMs, onClosed }: JoinOptions): void {
  let open = 2
  const closed = (): void => {
    if (--open === 0) onClosed()
  }
  for (const [side, opposite] of [
    [one, other],
    [other, one],
  ] as const) {
    const leave = (): void => {
      opposite.destroySoon()
      closed()
    }
    side.on('error', () => opposite.destroy())
    side.setTimeout(idleMs, () => side.destroy())
    if (side.closed) leave()
    else side.once('close', leave)
  }
}
