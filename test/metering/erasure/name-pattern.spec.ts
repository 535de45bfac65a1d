import { describe, expect, it } from '@jest/globals';
import { namePatternOf } from '../../../src/metering/erasure/name-pattern.js';

const account = { kind: 'account' as const, name: '111122223333', event_form: null };
const license = (name: string | null, eventForm: string | null = null) => ({
  ...{ kind: 'license' as const, name, event_form: eventForm },
});
const agreement = { kind: 'agreement' as const, name: 'agmt-1a.b', event_form: null };

describe('the names of a buyer in a text', () => {
  it.each<[string, Parameters<typeof namePatternOf>[0], string, boolean]>([
    ['an account', [account], '{"accountId":"111122223333"}', true],
    ['an account inside an ARN', [account], 'arn:aws:iam::111122223333:root', true],
    ['digits that only begin like it', [account], '1111222233334', false],
    ['a license as the API prints it', [license('arn:aws:license-manager::1:license:l-1')], '…:license:l-1"', true],
    ['a license as events print it', [license('arn:aws:license-manager::1:license:l-1')], 'aws:x:us-east-1:l-1', true],
    ['a license as the guides print it', [license('arn:aws:license-manager::1:license:l-1')], 'license/lic-1', true],
    ['a license that only an event has printed', [license(null, 'aws:x:l-1')], 'l-1', true],
    ['a longer license', [license('arn:aws:license-manager::1:license:l-1')], 'l-12', false],
    ['a license whose last part is alike', [license('arn:aws:license-manager::1:license:l-1')], 'xl-1', false],
    ['an agreement as the API prints it', [agreement], 'agmt-1a.b', true],
    ['an agreement as the feed prints it', [agreement], 'agmnt-1a.b', true],
    ['what a dot might stand for', [agreement], 'agmt-1axb', false],
    ['an agreement of another form', [{ ...agreement, name: 'x1' }], 'x1', true],
    ['an agreement of another form is no other', [{ ...agreement, name: 'x1' }], 'agmt-x1', false],
    ['a license of another form', [license('x.1')], '"x.1"', true],
    ['a license of another form is no license id', [license('x.1')], 'l-1', false],
    ['a CustomerIdentifier', [{ ...account, kind: 'customerIdentifier', name: 'cust.1' }], 'cust.1', true],
    ['a CustomerIdentifier with a dot', [{ ...account, kind: 'customerIdentifier', name: 'cust.1' }], 'cust-1', false],
    ['one of several', [account, agreement], 'agmt-1a.b', true],
  ])('%s', (_, names, text, isFound) => {
    expect(new RegExp(namePatternOf(names) ?? 'none').test(text)).toBe(isFound);
  });

  it('is the same in whichever order the names are read', () => {
    expect(namePatternOf([agreement, account])).toBe(namePatternOf([account, agreement]));
  });

  it('is nothing where all were erased', () => {
    expect(namePatternOf([{ ...account, name: null }, license(null)])).toBeNull();
  });
});
