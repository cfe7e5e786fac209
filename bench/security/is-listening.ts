import { openRaw } from '../../test/support/raw-socket.ts'

/** Whether somebody takes connections there: a gateway may have died of the last case. */
export async function isListening(port: number): Promise<boolean> {
  const probe = await openRaw(port).catch(() => null)
  probe?.socket.destroy()
  return probe !== null
}
