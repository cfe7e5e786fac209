/**
 * Waits until `holds` gives something truthy, asking again every few ms, and fails with `what` after `deadlineMs`. This is for what
 * another process or the network decides; what our own clock decides is tested with a ManualClock.
 */
export async function until<T>(what: string, holds: () => T | Promise<T>, deadlineMs = 10_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const value = await holds()
      if (value) return value
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms for: ${what}`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
