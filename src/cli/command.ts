/** What a command may touch of its surroundings. */
export interface CommandIo {
  /** Writes to standard output, as given. */
  out(text: string): void
  /** Writes to standard error, as given. */
  err(text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether standard output is a terminal: then the output is for eyes. */
  readonly isTerminal: boolean
  /** Asks a person; null: nobody is there to answer. */
  readonly ask?: ((question: string) => Promise<string>) | null
}

/** One command of the CLI. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What `--help` prints: usage, options, an example. */
  readonly help: string
  /** Resolves with the exit code (`exit-codes.ts`). Throws `usage` for arguments that make no sense. */
  run(args: readonly string[], io: CommandIo): Promise<number>
}
