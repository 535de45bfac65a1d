import { expect, it } from '@jest/globals';
import { isWrite } from '../../src/database/ledger-database.js';

// Behind a pooler what only reads asks first whether the server takes writes; what writes is refused there by itself.

it.each([
  ['INSERT INTO marketplace.alert SELECT', true],
  ['WITH a AS (INSERT INTO marketplace.alert SELECT 1 RETURNING id) SELECT * FROM a', true],
  ['UPDATE marketplace.alert SET a = 1', true],
  ['DELETE FROM marketplace.customer_changed', true],
  ['SELECT id FROM marketplace.metering_record FOR NO KEY UPDATE', true],
  ['SELECT id FROM marketplace.metering_record r FOR KEY SHARE OF r', true],
  ['SELECT updated_at FROM marketplace.subscription', false],
  [`SELECT 1 WHERE reason = 'FOR UPDATE'`, false],
  [`SELECT 1 WHERE reason = 'it''s' AND what = 'INSERT INTO x'`, false],
  ['SELECT 1 -- UPDATE marketplace.alert', false],
  ['SHOW transaction_read_only', false],
])('%s', (sql, expected) => {
  expect(isWrite(sql)).toBe(expected);
});
