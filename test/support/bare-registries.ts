import { startEmbedded } from '../controlplane/embedded.ts'
import { skipWithoutConsul, startConsul } from './consul.ts'

/** A registry that no gateway hosts. */
export interface BareRegistry {
  /** `http://host:port` */
  readonly address: string
  stop(): Promise<void>
}

/** Every kind of registry, for gateways that run in the process of the test. */
export const bareRegistries: readonly {
  readonly name: string
  readonly skip: string | false
  start(): Promise<BareRegistry>
}[] = [
  {
    name: 'the embedded registry',
    skip: false,
    start: async () => {
      const { address, close } = await startEmbedded()
      return { address, stop: close }
    },
  },
  { name: 'a real Consul', skip: skipWithoutConsul(), start: startConsul },
]
