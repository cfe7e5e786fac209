import { runCommandLine } from '../../src/cli/command-line.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command line in this process and keeps what it prints. */
export async function meshgate(...args: string[]): Promise<Ran> {
  let [out, err] = ['', '']
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, isTerminal: false }
  const code = await runCommandLine(args, io)
  return { code, out, err }
}

/** The names of all commands, as the list of them tells. */
export async function commandNames(): Promise<readonly string[]> {
  const { out } = await meshgate('--help')
  return [...out.matchAll(/^ {2}(\w+) {2,}\S/gm)].map(([, name = '']) => name)
}

/** The long options that a help text tells. */
export function optionsIn(help: string): readonly string[] {
  const found = new Set([...help.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map(([, name = '']) => name))
  found.delete('help')
  return [...found].toSorted()
}
