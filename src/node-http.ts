/**
 * Node's HTTP/1.1. Not by `import`, which looks at every name that the module has, and one of them loads all of fetch and WebSocket: 4 MiB
 * that a registry does not need.
 */
export const nodeHttp = process.getBuiltinModule('node:http')
