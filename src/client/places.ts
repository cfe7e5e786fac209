import { GatewayError } from '../errors.ts'

/** Each lock and each watch of KV holds a connection to the registry, which has so many for one client. */
const MOST = 40

/** The connections of one mesh that are held for locks and watches of KV. */
export class Places {
  #taken = 0

  /** Returns what gives the place back. Throws `too_many_watches`. */
  take(): () => void {
    if (this.#taken >= MOST)
      throw new GatewayError('too_many_watches', `there are ${MOST} locks and watches already: end one first`)
    this.#taken++
    let isTaken = true
    return () => {
      if (isTaken) this.#taken--
      isTaken = false
    }
  }
}
