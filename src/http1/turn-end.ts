/** Something that goes out when the turn of the event loop ends. */
export interface DueAtTurnEnd {
  onTurnEnd(): void
}

let due: DueAtTurnEnd[] = []

/**
 * Has all that is due go out together, after everything that has come in this turn was read. A peer that is woken by the first write finds
 * the others there too; written one by one, between readings, each would find it asleep again, and waking it costs more than the write.
 */
export function dueAtTurnEnd(work: DueAtTurnEnd): void {
  if (due.push(work) === 1) setImmediate(sendAll)
}

function sendAll(): void {
  const now = due
  due = []
  for (const work of now) work.onTurnEnd()
}
