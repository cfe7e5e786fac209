import type { Slot } from './slot.ts'
import type { WorkerProcess } from './worker-process.ts'

/** One worker's process, for people. */
export interface WorkerView {
  readonly worker: number
  readonly pid: number
  readonly state: 'starting' | 'serving' | 'leaving'
  /** Of the config that it serves by. */
  readonly generation: number
  readonly uptimeMs: number
  /** Questions for its figures since it last said anything; one that has left six unanswered is killed. */
  readonly unanswered: number
  /** As of its last report; null before the first. */
  readonly connections: number | null
  readonly inFlight: number | null
  readonly residentBytes: number | null
  readonly cpuMs: number | null
}

/** The processes of the slots, at a time in monotonic ms. */
export function workerViews(slots: readonly Slot[], now: number): readonly WorkerView[] {
  return slots.flatMap((slot, worker) => slot.processes.map((process) => viewOf(process, { slot, worker, now })))
}

function viewOf(
  process: WorkerProcess,
  { slot, worker, now }: { readonly slot: Slot; readonly worker: number; readonly now: number },
): WorkerView {
  const { pid, generation, report, unanswered, isServing, startedSince } = process
  const serving = isServing ? 'serving' : 'starting'
  return {
    worker,
    pid,
    state: process === slot.current || !isServing ? serving : 'leaving',
    generation,
    unanswered,
    uptimeMs: Math.round(now - startedSince),
    connections: report?.connections ?? null,
    inFlight: report?.inFlight ?? null,
    residentBytes: report?.residentBytes ?? null,
    cpuMs: report?.cpuMs ?? null,
  }
}
