import { readdirSync, readFileSync } from 'node:fs'

/** User and system time of a process with all its threads and descendants so far, seconds; to 10 ms for each. */
export function cpuSecondsOf(pid: number): number {
  return treeOf(pid).reduce((sum, each) => {
    const fields = read(each, 'stat').split(') ')[1]?.split(' ') ?? []
    // utime and stime, with those of children that have ended and been waited for.
    return sum + [11, 12, 13, 14].reduce((ticks, at) => ticks + Number(fields[at] ?? 0), 0) / 100
  }, 0)
}

/** Memory of a process with its descendants, what is shared among them counted once, KiB. */
export function memoryKibOf(pid: number): number {
  return treeOf(pid).reduce((sum, each) => sum + Number(/^Pss:\s+(\d+)/m.exec(read(each, 'smaps_rollup'))?.[1] ?? 0), 0)
}

function treeOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)]
}

function childrenOf(pid: number): readonly number[] {
  return tasksOf(pid).flatMap((task) => read(pid, `task/${task}/children`).split(' ').filter(Boolean).map(Number))
}

function tasksOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    // It has ended meanwhile.
    return []
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}
