import { expect, test } from '@jest/globals'
import { parsePhoneNumber } from '../../src/core/phone-number.ts'

test.each([
  ['9876543210', '+919876543210'],
  ['09876543210', '+919876543210'],
  ['+91 (98765) 432-10', '+919876543210'],
  ['0091.9876543210', '+919876543210'],
  ['+441632960000', '+441632960000'],
  ['+123456789012345', '+123456789012345'],
])('%s is %s', (text, number) => {
  expect(parsePhoneNumber(text, '91')).toBe(number)
})

test.each([
  '',
  '+',
  '0',
  '00',
  '1234',
  '+1234567890123456',
  '98765x43210',
  '9876543210 ext 1',
  '٩٨٧٦٥٤٣٢١٠',
  '+0123456789',
  '++919876543210',
  '９８７６５４３２１０',
  `${' '.repeat(40)}9876543210`,
])('%p is no number', (text) => {
  expect(parsePhoneNumber(text, '91')).toBeUndefined()
})
