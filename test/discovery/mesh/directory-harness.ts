import assert from 'node:assert/strict'
import { MeshDirectory } from '../../../src/discovery/mesh/mesh-directory.ts'
import { Upstream } from '../../../src/dataplane/upstream/upstream.ts'
import { startInstance, type TestInstance } from '../../support/instance.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { handRegistry, startControlPlane } from '../../controlplane/control-plane.ts'

export const cleanups: (() => unknown)[] = []
/** To be called after each test. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
}

export function startDirectory(file = '', datacenters?: readonly string[]) {
  const clock = new ManualClock()
  const registry = handRegistry(datacenters)
  const plane = startControlPlane(file, { clock, registry })
  const { upstreams, reconciler } = plane
  const directory = new MeshDirectory({
    registry,
    upstreams,
    clock,
    hot: () => reconciler.hot,
    limits: () => reconciler.hot.mesh,
  }).start()
  cleanups.push(
    () => plane.close(),
    () => directory.close(),
  )
  const names = (): readonly string[] => [...upstreams.rows].map(({ upstream }) => upstream.name)
  return { clock, registry, plane, directory, names }
}

export async function startTarget(name: string): Promise<TestInstance> {
  const target = await startInstance(name)
  cleanups.push(() => target.kill())
  return target
}

export type Answer = ReturnType<MeshDirectory['find']>

export function codeOf(found: Answer | Awaited<Answer>): string {
  assert.ok('code' in found, 'it is found, or waited for')
  return found.code
}

export function upstreamIn(found: Awaited<Answer>): Upstream {
  assert.ok(found instanceof Upstream)
  return found
}
