/** What the process's exit code means. */
export const exitCode = { ok: 0, no: 1, usage: 2, bug: 70 } as const
