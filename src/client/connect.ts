import { clockOfApplications, systemRandom } from '../clock.ts'
import type { ErrorCode, GatewayError } from '../errors.ts'
import type { KvEntry } from '../registry/registry.ts'
import type { Leadership } from '../registry/election.ts'
import type { Candidacy } from './candidacy.ts'
import type { HeldLock } from './held-lock.ts'
import { Mesh as OpenMesh } from './mesh.ts'
import { openMeshParts } from './mesh-parts.ts'
import {
  parseConnectOptions,
  type CallPolicy as Policy,
  type ConnectOptions as Options,
  type LockOptions as Locking,
  type RegisterOptions as Registering,
  type ServicePolicy as OneService,
} from './options.ts'
import type { Registered } from './registered.ts'

/** What `connect` opens. */
export type Mesh = OpenMesh
/** What `mesh.lock` gives. */
export type Lock = HeldLock
/** What `mesh.leader` gives. */
export type LeaderCandidacy = Candidacy
/** A term of a leader. */
export type Term = Leadership
/** An entry of KV. */
export type Entry = KvEntry
/** What `mesh.register` gives. */
export type RegisteredInstance = Registered
/** What `connect` takes. */
export type ConnectOptions = Options
/** How services are called. */
export type CallPolicy = Policy
/** How one service is called. */
export type ServicePolicy = OneService
/** What `mesh.register` takes. */
export type RegisterOptions = Registering
/** What `mesh.lock` takes. */
export type LockOptions = Locking
/** What is thrown: `code` is stable, docs/errors.md lists them. */
export type MeshError = GatewayError
/** One of the codes. */
export type MeshErrorCode = ErrorCode

/**
 * Opens this process's part in the mesh: `await using mesh = await connect()`. It resolves when the registry has told its services, or after
 * `wait`: then the registry is awaited while calls fail. Throws `config_invalid` for options that are wrong. Closed by the caller.
 */
export async function connect(options: ConnectOptions = {}): Promise<Mesh> {
  return new OpenMesh(await openMeshParts(parseConnectOptions(options), { clock: clockOfApplications, random: systemRandom }))
}
