import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { targets } from '../../conformance/targets.ts'
import { clientFile, clientSkip, runProgram } from './programs.ts'

// The real Consul proves that what the script wants is what Consul gives.
for (const { name, skip, open } of targets) {
  test(`python3-consul stores, registers, finds, locks and waits on ${name}`, { skip: clientSkip() || skip }, async (context) => {
    const { port, close } = await open()
    context.after(close)
    const own = clientFile('bin', 'python3.9')
    const hasOwn = existsSync(own)
    const env = { PYTHONPATH: clientFile('lib', 'python3', 'dist-packages'), ...(hasOwn ? { PYTHONHOME: clientFile() } : {}) }
    const script = fileURLToPath(new URL('./python-client.py', import.meta.url))
    const { code, stderr } = await runProgram(hasOwn ? own : 'python3', ['-B', script, String(port)], { env })
    assert.equal(code, 0, stderr)
  })
}
