import { freePorts } from './meshgate-process.ts'
import { skipWithoutConsul, startConsul } from './consul.ts'

/** A registry for a test: what the first gateway's config says, where it then is, and how other gateways and clients reach it. */
export interface TestRegistry {
  /** `registry:` of the first gateway. */
  readonly first: string
  /** `registry:` of every further gateway. */
  readonly further: string
  /** Whether the first gateway hosts it, and so gives the lead to any other one (docs/decisions/0002). */
  readonly isHosted: boolean
  /** `http://host:port` */
  readonly address: string
  stop(): Promise<void>
}

export interface RegistryKind {
  readonly name: string
  readonly skip: string | false
  start(): Promise<TestRegistry>
}

/** Every registry that meshgate runs on: the suites loop over them. */
export const registries: readonly RegistryKind[] = [
  {
    name: 'the embedded registry',
    skip: false,
    start: async () => {
      const [port = 0] = await freePorts(1)
      const address = `http://127.0.0.1:${port}`
      return {
        first: `{ embedded: { http: "127.0.0.1:${port}", dns: off, data: "{folder}/data" } }`,
        further: `{ consul: { address: "${address}" } }`,
        address,
        isHosted: true,
        stop: async () => {},
      }
    },
  },
  {
    name: 'a real Consul',
    skip: skipWithoutConsul(),
    start: async () => {
      const consul = await startConsul()
      const registry = `{ consul: { address: "${consul.address}" } }`
      return { first: registry, further: registry, address: consul.address, isHosted: false, stop: () => consul.stop() }
    },
  },
]

/** Calls the registry as a person with curl does; any other status than 200 is an error. */
export async function put(address: string, path: string, body = ''): Promise<string> {
  const answer = await fetch(`${address}${path}`, { method: 'PUT', body })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`PUT ${path}: ${answer.status} ${text}`)
  return text
}

/** Registers an instance on 127.0.0.1 with the agent. */
export async function registerInstance(address: string, service: string, port: number, id = `${service}-${port}`): Promise<void> {
  await put(address, '/v1/agent/service/register', JSON.stringify({ ID: id, Name: service, Address: '127.0.0.1', Port: port }))
}
