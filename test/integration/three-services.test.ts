import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { clientFile } from '../registry-server/clients/programs.ts'
import { endsWithUs } from '../support/ends-with-us.ts'
import { freePorts } from '../support/meshgate-process.ts'

const start = fileURLToPath(new URL('../../examples/three-services/start.ts', import.meta.url))
const ownPython = clientFile('bin', 'python3.9')

/** What runs Python; null: there is none. */
function python(): { readonly PYTHON: string; readonly PYTHONHOME?: string } | null {
  if (existsSync(ownPython)) return { PYTHON: ownPython, PYTHONHOME: clientFile() }
  try {
    execFileSync('python3', ['-c', ''])
    return { PYTHON: 'python3' }
  } catch {
    return null
  }
}

const found = python()
const skip =
  found || process.env['CI'] === 'true' ? false : 'there is no python3: install it, or run `sh scripts/install-clients.sh` once'

test(
  'three services call one another by name: by the library, through HTTP_PROXY from Python, and by DNS SRV',
  { skip },
  async (context) => {
    assert.ok(found, 'there is no python3: `sh scripts/install-clients.sh` gets one')
    const [WEB_PORT, ADMIN_PORT, MESH_PORT, REGISTRY_PORT, DNS_PORT] = (await freePorts(5)).map(String)
    const DATA = await mkdtemp(join(tmpdir(), 'meshgate-three-'))
    context.after(() => rm(DATA, { recursive: true, force: true }))
    const env = { ...process.env, ...found, WEB_PORT, ADMIN_PORT, MESH_PORT, REGISTRY_PORT, DNS_PORT, DATA }
    const running = promisify(execFile)(process.execPath, [start, '--once'], { env, timeout: 60_000 })
    endsWithUs(running.child)
    const { stdout } = await running
    assert.deepEqual(JSON.parse(stdout.slice(0, stdout.indexOf('\n'))), {
      service: 'shop',
      calls: 'orders, by meshgate/client',
      order: {
        service: 'orders',
        calls: 'stock, by HTTP_PROXY',
        stock: { service: 'stock', calls: 'shop, by DNS SRV', left: 3, price: { service: 'shop', price: 12 } },
      },
    })
  },
)
