import { startListener, type Listener } from '../../src/dataplane/listener/listener.ts'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { Mesh } from '../../src/dataplane/mesh/mesh.ts'
import { MeshDirectory } from '../../src/discovery/mesh/mesh-directory.ts'
import { handRegistry, startControlPlane, type HandRegistry } from '../controlplane/control-plane.ts'
import { defaultLimits } from './data-plane.ts'

/** A gateway with one mesh listener, and a registry of which the test decides what it lists. */
export interface TestMeshPlane {
  readonly port: number
  /** `http://127.0.0.1:port` */
  readonly url: string
  readonly mesh: Mesh
  readonly listener: Listener
  readonly registry: HandRegistry
  readonly plane: ReturnType<typeof startControlPlane>
  close(): Promise<void>
}

/** `config`: what the config file says beside its listener. The caller closes it. */
export async function startMeshPlane(config = '', trust: readonly string[] = []): Promise<TestMeshPlane> {
  const registry = handRegistry(['dc1', 'dc2'])
  const plane = startControlPlane(config, { registry })
  const { gateway, upstreams, reconciler, log } = plane
  const deps = { registry, upstreams, clock: systemClock, hot: () => reconciler.hot, limits: () => reconciler.hot.mesh }
  const directory = new MeshDirectory(deps).start()
  const mesh = new Mesh({ gateway, lookUp: directory.find, secret: [systemRandom(), systemRandom()] })
  const listener = await startListener({
    name: 'listeners.mesh',
    bind: { host: '127.0.0.1', port: 0 },
    limits: defaultLimits,
    trust,
    proxyStatus: 'off',
    isProxy: true,
    clock: systemClock,
    random: systemRandom,
    logger: log.logger,
    serve: (exchange) => mesh.serve(exchange, listener.address.port),
  })
  const { port } = listener.address
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    mesh,
    listener,
    registry,
    plane,
    close: async () => {
      await listener.close(0)
      directory.close()
      await plane.close()
    },
  }
}
