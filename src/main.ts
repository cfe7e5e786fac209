#!/usr/bin/env node
// Only this file may be read by a Node that is too old for the rest, so it imports nothing of it before it has looked.
import module from 'node:module'

const oldestMajor = 24
const major = Number(process.versions.node.split('.')[0])

if (major < oldestMajor) {
  process.stderr.write(
    `meshgate needs Node ${oldestMajor} or later, and this is ${process.version}. ` +
      'In a checkout, "npm run -s meshgate -- ARGS" uses the Node that the project brings.\n',
  )
  process.exit(2)
}

// Compiled code is kept in the system's folder for temporary files: the next start takes half the CPU time.
module.enableCompileCache()
const { runCommandLine } = await import('./cli/command-line.ts')
process.exitCode = await runCommandLine(process.argv.slice(2))
