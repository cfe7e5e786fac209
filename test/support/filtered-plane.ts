import type { Filter } from '../../src/dataplane/filters/filter.ts'
import type { DataPlaneFixture } from './data-plane-fixture.ts'
import { startDataPlane, type DataPlaneOptions, type TestDataPlane } from './data-plane.ts'
import type { Answer } from './instance.ts'

/** A gateway with one instance behind a route with these filters. It ends with the test. */
export async function filteredPlane(
  { instance, cleanUp }: DataPlaneFixture,
  filters: readonly Filter[],
  { answer, ...options }: Partial<DataPlaneOptions> & { readonly answer?: Answer } = {},
): Promise<TestDataPlane> {
  const upstream = await instance(answer)
  const routes = [{ name: 'all', match: { path: '/*' }, filters, to: { app: 1 } }]
  const plane = await startDataPlane({ upstreams: { app: [upstream.port] }, routes, ...options })
  cleanUp(async () => {
    await plane.close()
    for (const filter of filters) filter.close?.()
  })
  return plane
}
