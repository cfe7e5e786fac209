import { fiveSteps } from '../support/five-steps.ts'
import { registries } from '../support/registries.ts'

for (const registry of registries.slice(0, 1)) fiveSteps(registry, 2)
