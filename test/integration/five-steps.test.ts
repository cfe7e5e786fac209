import { fiveSteps } from '../support/five-steps.ts'
import { registries } from '../support/registries.ts'

for (const registry of registries) fiveSteps(registry, 1)
