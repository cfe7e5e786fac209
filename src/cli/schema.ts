import { configJsonSchema } from '../config/json-schema.ts'
import { GatewayError } from '../errors.ts'
import type { Command } from './command.ts'
import { exitCode } from './exit-codes.ts'

const help = `usage: meshgate schema

Prints the JSON Schema of the config file, for editors:

  meshgate schema > gateway.schema.json

and in the first line of gateway.yaml:

  # yaml-language-server: $schema=./gateway.schema.json
`

/** `meshgate schema`: prints the JSON Schema of the config file. */
export const schemaCommand: Command = {
  name: 'schema',
  summary: 'prints the JSON Schema of the config file',
  help,
  run: (args, io) => {
    // --json is what it prints anyway; scripts may say it.
    const extra = args.find((arg) => arg !== '--json')
    if (extra !== undefined) return Promise.reject(new GatewayError('usage', `schema: takes no arguments, found "${extra}"`))
    io.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
    return Promise.resolve(exitCode.ok)
  },
}
