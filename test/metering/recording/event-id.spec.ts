import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  eventIdOf,
  isMinted,
  type KeyScope,
  mintedKeyOf,
  mintEventId,
} from '../../../src/metering/recording/event-id.js';

const SELLER = 'default';
const tenant = (name: string): KeyScope => ({ kind: 'tenant', name });
const idOf = (scope: KeyScope, key: string, sellerAccount = SELLER): string => eventIdOf({ sellerAccount, scope, key });

/** Rows of the table of vectors in the docs. */
function vectors(): { sellerAccount: string; kind: string; name: string; key: string; id: string }[] {
  const page = readFileSync('docs/event-ids.md', 'utf8');
  return [
    ...page.matchAll(/^\| `([^`]+)` \| (tenant|subscription) \| `([^`]+)` \| `([^`]+)` \| `([0-9a-f-]{36})` \|$/gm),
  ].map(([, sellerAccount = '', kind = '', name = '', key = '', id = '']) => ({ sellerAccount, kind, name, key, id }));
}

describe('the id of a key', () => {
  it('is what docs/event-ids.md tells other languages, for ever', () => {
    const rows = vectors();
    expect(rows.length).toBeGreaterThanOrEqual(6);
    for (const { sellerAccount, kind, name, key, id } of rows) {
      expect({ key, id: idOf({ kind: kind as KeyScope['kind'], name }, key, sellerAccount) }).toEqual({ key, id });
    }
  });

  it('differs by seller, kind of scope, scope and key, wherever their texts are cut', () => {
    const ids = [
      idOf(tenant('a'), 'bc'),
      idOf(tenant('ab'), 'c'),
      idOf({ kind: 'subscription', name: 'a' }, 'bc'),
      idOf(tenant('a'), 'bc', 'other'),
      idOf(tenant('a'), 'bC'),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is a UUID of version 8 whose first bit is set: above every time-ordered id', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (name, key) => {
        fc.pre(!isMinted(key));
        const text = eventIdOf({ sellerAccount: SELLER, scope: tenant(name), key });
        expect(text).toMatch(/^[89a-f][0-9a-f]{7}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(text > mintEventId()).toBe(true);
      }),
    );
  });
});

describe('a key that was handed out', () => {
  it('is the id of its event, whoever gives it again', () => {
    const id = mintEventId();
    expect(id).toMatch(/^[0-7][0-9a-f]{7}-[0-9a-f]{4}-7/);
    for (const scope of [tenant('a'), tenant('b')]) {
      const again = eventIdOf({ sellerAccount: SELLER, scope, key: mintedKeyOf(id) });
      expect(again).toEqual(id);
    }
  });

  // Payment providers name their events `evt_…` too, and hosts use bare UUIDs of their own for several tenants (T16).
  it.each([
    'evt_1NG8Du2eZvKYlo2CUI79vXWy',
    `evt_0190a0a0-0000-4000-8000-000000000001`,
    '0190a0a0-0000-7000-8000-000000000001',
  ])('is told from a host’s own: %s', (key) => {
    expect(isMinted(key)).toBe(false);
    expect(idOf(tenant('a'), key)).not.toBe(idOf(tenant('b'), key));
  });

  it('is one spelling only', () => {
    const text = mintEventId();
    expect(isMinted(`evt_${text}`)).toBe(true);
    expect(isMinted(`evt_${text.toUpperCase()}x`)).toBe(false);
    expect(isMinted(`EVT_${text}`)).toBe(false);
    expect(isMinted(`my-evt_${text}`)).toBe(false);
    expect(isMinted(`evt_${text}-2`)).toBe(false);
    expect(isMinted(`evt_f${text.slice(1)}`)).toBe(false);
  });
});
