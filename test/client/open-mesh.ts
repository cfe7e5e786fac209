import { connect, type ConnectOptions, type Mesh } from '../../src/client/connect.ts'
import { startInstance, type Answer, type TestInstance } from '../support/instance.ts'
import { registerInstance } from '../support/registries.ts'
import { until } from '../support/until.ts'

/** Opens a mesh that probes often enough for a test. The caller closes it. */
export function openTestMesh(registry: string, options: ConnectOptions = {}): Promise<Mesh> {
  const { defaults, ...others } = options
  return connect({ registry, defaults: { health: { every: '100ms', timeout: '1s' }, ...defaults }, ...others })
}

/** The names in the answers to so many calls. */
export async function answersOf(mesh: Mesh, url: string, calls: number): Promise<readonly string[]> {
  const answers: string[] = []
  for (let call = 0; call < calls; call++) answers.push(await (await mesh.fetch(url)).text())
  return answers
}

/** The code of the reason for which a call came to nothing; its status if it came to something. */
export async function codeOf(call: Promise<Response>): Promise<string> {
  try {
    return String((await call).status)
  } catch (error) {
    const { code } = (error as { cause?: { code?: string } }).cause ?? (error as { code?: string })
    return code ?? String(error)
  }
}

export async function killAll(instances: readonly TestInstance[]): Promise<void> {
  await Promise.all(instances.map((instance) => instance.kill()))
}

/** Whether a service is known with so many instances that may be called. */
export async function hasEligible(mesh: Mesh, service: string, count: number): Promise<boolean> {
  const instances = await mesh.instances(service)
  return instances.filter(({ eligible }) => eligible).length === count
}

/** Whether there is no service of that name. */
export async function isUnknown(mesh: Mesh, service: string): Promise<boolean> {
  try {
    await mesh.instances(service)
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'service_unknown'
  }
}

/** Whether one of its instances is left alone for that reason. */
export async function hasExcluded(mesh: Mesh, service: string, exclusion: string): Promise<boolean> {
  return (await mesh.instances(service)).some((instance) => instance.exclusion === exclusion)
}

export interface ServingFor {
  readonly mesh: Mesh
  readonly registry: string
  /** Takes the instances that are started. The caller kills them. */
  readonly instances: TestInstance[]
}

/** Starts an instance of a service for each answer and waits until the mesh may call all of them. */
export async function startService(
  { mesh, registry, instances }: ServingFor,
  service: string,
  answers: readonly (Answer | undefined)[],
): Promise<readonly TestInstance[]> {
  const started = await Promise.all(answers.map((answer, at) => startInstance(`${service}-${at}`, answer)))
  instances.push(...started)
  for (const { port } of started) await registerInstance(registry, service, port)
  await until(`${service} is probed`, () => hasEligible(mesh, service, started.length))
  return started
}
