import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fieldOf } from '../../../src/http1/field.ts'
import { FieldNames, removeFields, setField } from '../../../src/dataplane/http/header-list.ts'

describe('a header list', () => {
  it('finds a field whatever the case of its name, and the first of several', () => {
    const headers = ['A', '1', 'X-Tenant', 'acme', 'x-tenant', 'other']
    assert.equal(fieldOf(headers, 'x-tenant'), 'acme')
    assert.equal(fieldOf(headers, 'x-tenan'), undefined)
    assert.equal(fieldOf(['x-a', 'x-tenant'], 'x-tenant'), undefined, 'a value is not a name')
  })

  it('loses every field of a set of names, and keeps the order of the others', () => {
    const headers = ['A', '1', 'B', '2', 'a', '3', 'C', '4']
    removeFields(headers, new FieldNames(['A', 'c']))
    assert.deepEqual(headers, ['B', '2'])
  })

  it('gets a new field at the end', () => {
    const headers = ['A', '1']
    setField(headers, 'X-B', '2')
    assert.deepEqual(headers, ['A', '1', 'X-B', '2'])
  })

  it('gets the value in the place of the first field of that name, and loses the others', () => {
    const headers = ['A', '1', 'B', '2', 'a', '3', 'C', '4', 'A', '5']
    setField(headers, 'a', 'new')
    assert.deepEqual(headers, ['A', 'new', 'B', '2', 'C', '4'])
  })
})
