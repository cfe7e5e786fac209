import type { ChildProcess } from 'node:child_process'

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
// 'exit' is not told to a process that a signal ends.
process.once('SIGTERM', () => process.exit(143))

/** A child process that does not outlive the test file, however that ends: with a failed test or at its time limit nobody ends it. */
export function endsWithUs<Child extends ChildProcess>(child: Child): Child {
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}
