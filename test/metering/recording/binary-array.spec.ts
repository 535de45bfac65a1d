import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import {
  int2Array,
  int4Array,
  jsonbArray,
  numericArray,
  textArray,
  timestamptzArray,
  uuidArray,
} from '../../../src/metering/recording/binary-array.js';
import { formatDecimal } from '../../../src/runtime/decimal.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';

// The server is the judge: what it reads out of the bytes is what was put in.

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client(database.url);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function read(array: Buffer, type: string): Promise<unknown> {
  const { rows } = await client.query<{ read: unknown }>(
    `SELECT to_jsonb(ARRAY(SELECT item::text FROM unnest($1::${type}[]) AS item)) AS read`,
    [array],
  );
  return rows[0]?.read;
}

describe('binary arrays', () => {
  it('of whole numbers', async () => {
    expect(await read(int4Array([0, -1, 2_147_483_647, -2_147_483_648]), 'integer')).toEqual([
      '0',
      '-1',
      '2147483647',
      '-2147483648',
    ]);
    expect(await read(int2Array([0, -1, 32_767, -32_768]), 'smallint')).toEqual(['0', '-1', '32767', '-32768']);
    expect(await read(int4Array([]), 'integer')).toEqual([]);
  });

  it('of instants', async () => {
    await client.query(`SET timezone = 'UTC'`);
    const instants = [
      '1969-12-31T23:59:59.999Z',
      '2000-01-01T00:00:00.000Z',
      '2026-11-10T10:30:00.123Z',
      '9999-12-31T23:59:59.999Z',
    ];
    expect(await read(timestamptzArray(instants.map((text) => new Date(text))), 'timestamptz')).toEqual([
      '1969-12-31 23:59:59.999+00',
      '2000-01-01 00:00:00+00',
      '2026-11-10 10:30:00.123+00',
      '9999-12-31 23:59:59.999+00',
    ]);
  });

  it('of ids', async () => {
    const ids = [
      '00000000-0000-0000-0000-000000000000',
      '81234567-89ab-8def-8123-456789abcdef',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ];
    expect(await read(uuidArray(ids), 'uuid')).toEqual(ids);
  });

  it('of texts and JSON, with NULLs', async () => {
    expect(await read(textArray(['', null, 'Ω 🧾 "quoted", {braces}\\']), 'text')).toEqual([
      '',
      null,
      'Ω 🧾 "quoted", {braces}\\',
    ]);
    expect(await read(jsonbArray([null, '{"b":"2","a":"ü"}']), 'jsonb')).toEqual([null, '{"a": "ü", "b": "2"}']);
  });

  it('of any decimals, as they print themselves', async () => {
    const limit = 10n ** 30n;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.bigInt({ min: -limit, max: limit }),
            fc.constantFrom(0n, 1n, -1n, 10n ** 12n, 10n ** 16n, 10n ** 8n, -(10n ** 20n), 12_340_000n),
          ),
        ),
        async (values) => {
          expect(await read(numericArray(values), 'numeric')).toEqual(values.map(formatDecimal));
        },
      ),
      { numRuns: 200 },
    );
  });
});
