import type { FleetView, ReplicaRevision } from '../controlplane/revisions/revision-report.ts'
import { formatDurationMs } from '../durations.ts'
import type { CommandIo } from './command.ts'
import { count, nameOf, trialText } from './revision-text.ts'

const BAR_CELLS = 20
/** Of a terminal: to the start of the line so many lines up, and clear what is below (ECMA-48 CPL and ED). */
const redraw = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}F\u001b[0J`)

/** Shows how far a fleet is: drawn anew on a terminal, a line per change elsewhere, events as JSON where that is asked for. */
export class RolloutDisplay {
  readonly #io: CommandIo
  readonly #json: boolean
  readonly #told = new Map<string, string>()
  #move = -1
  #drawn = ''

  constructor(io: CommandIo, json: boolean) {
    this.#io = io
    this.#json = json
  }

  show(view: FleetView): void {
    if (!this.#json && this.#io.isTerminal) return this.#draw(view)
    if (view.number !== this.#move) this.#tellMove(view)
    for (const replica of view.replicas) this.#tellReplica(replica)
    const living = new Set(view.replicas.map(({ replica }) => replica))
    for (const replica of this.#told.keys()) if (!living.has(replica)) this.#tellGone(replica)
  }

  /** Nobody could tell how far it is; the next look may. */
  failure(message: string): void {
    if (this.#json) return this.#io.out(line({ event: 'failure', text: message }))
    this.#io.err(`${message}; asking again\n`)
    // What is drawn next stands below this line.
    this.#drawn = ''
  }

  end(isDone: boolean, text: string): void {
    this.#io.out(this.#json ? line({ event: 'end', ok: isDone, text }) : `${text}\n`)
  }

  #draw(view: FleetView): void {
    const there = view.replicas.filter(({ isThere }) => isThere).length
    const share = view.replicas.length === 0 ? 0 : there / view.replicas.length
    const cells = Math.round(share * BAR_CELLS)
    const bar = `[${'#'.repeat(cells)}${'.'.repeat(BAR_CELLS - cells)}]`
    const rows = view.replicas.map(
      (replica) => `  ${replica.isThere ? '✔' : replica.problem ? '✖' : '…'} ${stateText(replica)}${tryingText(replica)}\n`,
    )
    const trial = view.trial ? `${trialText(view.trial)}\n` : ''
    const text = `${moveText(view)}\n${trial}${bar} ${there} of ${view.replicas.length}\n${rows.join('')}`
    if (text === this.#drawn) return
    this.#io.out(`${redraw(this.#drawn.split('\n').length - 1)}${text}`)
    this.#drawn = text
  }

  #tellMove(view: FleetView): void {
    this.#move = view.number
    const { number, revision } = view
    this.#io.out(
      this.#json
        ? line({ event: 'move', number, revision, trial: view.trial, move: view.moves[0] ?? null })
        : `${moveText(view)}\n`,
    )
  }

  #tellReplica(replica: ReplicaRevision): void {
    const text = stateText(replica)
    if (this.#told.get(replica.replica) === text) return
    this.#told.set(replica.replica, text)
    this.#io.out(this.#json ? line({ event: 'replica', ...replica }) : `  ${text}\n`)
  }

  #tellGone(replica: string): void {
    this.#told.delete(replica)
    this.#io.out(this.#json ? line({ event: 'replica', replica, gone: true }) : `  ${replica}: has ended\n`)
  }
}

function moveText({ moves: [move] }: FleetView): string {
  if (!move) return 'no revision has been applied yet'
  const why = move.kind === 'undo' || move.kind === 'promote' ? `: ${move.reason}` : ''
  return `move ${move.number} (${move.kind} by ${move.author}): ${nameOf(move.revision)}${why}`
}

function stateText({ replica, running, isThere, problem }: ReplicaRevision): string {
  if (isThere) return `${replica}: runs ${nameOf(running)}`
  return `${replica}: ${problem ?? 'not there yet'}, runs ${nameOf(running)}`
}

/** Changes all the time: for eyes only. */
function tryingText({ trying }: ReplicaRevision): string {
  if (!trying) return ''
  return `, ${count(trying.requests, 'request')} in ${formatDurationMs(trying.forMs)}, ${count(trying.failures)} failed`
}

function line(event: object): string {
  return `${JSON.stringify(event)}\n`
}
