import { describe, expect, it, jest } from '@jest/globals';
import { ErasureRefusedError, MarketplaceErasure } from '../../src/index.js';
import { ledgerCommand } from '../../src/metering/settlement/ledger.command.js';
import { type Buyer } from '../support/buyer.js';
import { textOfLedger } from '../support/ledger-text.js';
import { licenseIdOf, SELLER } from '../support/market.js';
import { LEGACY_CODE, PRODUCT_CODE, SECRET, type World } from '../support/world.js';
import { at, withWorld } from './routes.js';

// Buyers whose names are erased: all that money is made of stays as it was and is compared with AWS's bill by digest;
// what comes late finds them and leaves no name; who buys again is the same buyer. Siblings: by license and by either
// legacy name, claimed and not, with messages set aside, with concurrent agreements and other buyers of the tenant.

jest.setTimeout(240_000);

const DECISION = { by: 'dpo', reason: 'request 2026-118' };
const START = { lists: [PRODUCT_CODE], startAt: at('2026-11-11T10:05:00Z') };

const erasureOf = (world: World): MarketplaceErasure => world.app.get(MarketplaceErasure);

/** Everything by which AWS or the buyer's own mail could call them. */
function namesOf(buyer: Buyer): string[] {
  return buyer.agreements.flatMap(({ accountId, customerIdentifier, agreementId, licenseArn }) => [
    ...[accountId, agreementId, licenseArn, licenseIdOf(licenseArn)],
    ...(customerIdentifier === undefined ? [] : [customerIdentifier]),
  ]);
}

async function expectNoTraceOf(world: World, names: readonly string[]): Promise<void> {
  const text = await textOfLedger(world.database);
  const traces = names.flatMap((name) => {
    const pattern = new RegExp(`(?<![A-Za-z0-9-])${name.replaceAll(/[/]/g, '\\$&')}(?![A-Za-z0-9-])`);
    return Object.entries(text).flatMap(([table, rows]) =>
      rows.filter((row) => pattern.test(row)).map((row) => `${name} in ${table}: ${row}`),
    );
  });
  expect(traces).toEqual([]);
}

/** What must not change: every row that a bill, or its proof, is made of. */
async function moneyOf(world: World): Promise<unknown> {
  const tables = ['metering_record', 'balance', 'rollup', 'rollup_event', 'usage_event', 'attempt', 'attempt_record'];
  const text = await textOfLedger(world.database);
  return { ...Object.fromEntries(tables.map((table) => [table, text[table]])), bill: world.simulator.bill() };
}

/** Uses some, leaves, and is told that it is over. */
async function leave(world: World, buyer: Buyer): Promise<void> {
  await buyer.use('7.5', { tags: { team: 'blue' } });
  await world.pass(2);
  buyer.cancel();
  await world.pass(4);
  expect(await buyer.state()).toBe('ended');
}

/** Ended by the host's word alone, and erased: at AWS it runs, and is renewed. */
async function erasedByTheHostsWord(world: World): Promise<Buyer> {
  const buyer = await world.join('acme');
  await buyer.use('7.5');
  await world.pass(2);
  await world.subscriptions.end(buyer.subscriptionId);
  await world.pass(4);
  expect(await buyer.state()).toBe('ended');
  await erasureOf(world).erase({ tenantId: 'acme' }, DECISION);
  return buyer;
}

describe('a buyer by license who has left', () => {
  it('is erased: no name is left anywhere, and all that money is made of stands as it stood', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      const other = await world.join('globex');
      await other.use(3);
      await leave(world, buyer);
      const text = await textOfLedger(world.database);
      expect(JSON.stringify(text)).toContain(buyer.accountId);
      const before = await moneyOf(world);
      const preview = await erasureOf(world).erase({ tenantId: 'acme' }, DECISION, { dryRun: true });
      expect(await textOfLedger(world.database)).toEqual(text);

      const erased = await erasureOf(world).erase({ tenantId: 'acme' }, DECISION);
      expect(erased).toMatchObject({ subscriptionIds: [buyer.subscriptionId], identities: 1 });
      expect(erased.messages).toBeGreaterThan(0);
      expect(preview).toEqual(erased);
      await expectNoTraceOf(world, namesOf(buyer));
      expect(await moneyOf(world)).toEqual(before);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 7, 'l-2': 3 });
      // The neighbour is who they were.
      expect((await other.subscription()).current).toMatchObject({ customerAwsAccountId: other.accountId });
      expect(
        await world.database.query(
          `SELECT action, target, result, decided_by, reason FROM marketplace.operator_action`,
        ),
      ).toEqual([
        {
          ...{ action: 'buyer.erased', decided_by: DECISION.by, reason: DECISION.reason },
          target: { buyerIds: [expect.any(String)], subscriptionIds: [buyer.subscriptionId] },
          result: expect.objectContaining({ messages: erased.messages }),
        },
      ]);

      // Again, by a name that is no longer there: the same buyer is found, and nothing is left to do.
      const again = await erasureOf(world).erase({ customerAwsAccountId: buyer.accountId }, DECISION);
      expect(again).toEqual({
        ...{ subscriptionIds: [buyer.subscriptionId], names: 0, identities: 0 },
        ...{ messages: 0, registrations: 0, texts: 0 },
      });
      expect(await world.database.query(`SELECT FROM marketplace.operator_action`)).toHaveLength(1);
      await world.pass(30, 2);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 7, 'l-2': 3 });
      await expectNoTraceOf(world, namesOf(buyer));
    });
  });

  it('whose messages come again, and late usage: they are found, nothing is billed, no name comes back', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      await leave(world, buyer);
      const ended = world.now();
      await world.pass(1);
      await erasureOf(world).erase({ subscriptionId: buyer.subscriptionId }, DECISION);
      const counts = () =>
        world.database.query(`SELECT (SELECT count(*) FROM marketplace.buyer) AS buyers,
          (SELECT count(*) FROM marketplace.agreement) AS agreements,
          (SELECT count(*) FROM marketplace.subscription) AS subscriptions,
          (SELECT count(*) FROM marketplace.metering_identity) AS identities`);
      const before = await counts();
      // As from a dead-letter queue or a replayed archive: other ids, the same words.
      const replayed = world.mailbox
        .sent()
        .flatMap((message) =>
          message.channel === 'eventBridge'
            ? [{ ...message, body: { ...message.body, id: `replayed-${message.body.id}` } }]
            : [],
        );
      expect(replayed.length).toBeGreaterThan(2);
      await world.mailbox.deliver(replayed);
      await world.mailbox.deliver(world.mailbox.sent());
      await world.hear();
      await buyer.use(4, { occurredAt: new Date(ended.getTime() - 5 * 3_600_000) });
      await world.pass(40, 2);
      expect(await counts()).toEqual(before);
      expect(await buyer.state()).toBe('ended');
      const where = await world.expectConserved();
      expect(where.billed).toEqual({ 'l-1': 7 });
      expect(where.waiting).toBeUndefined();
      expect(JSON.stringify(where.records)).toContain('4');
      await expectNoTraceOf(world, namesOf(buyer));
    });
  });

  it('buys again: the same buyer, with the names of what is new; what was before stays erased', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      await leave(world, buyer);
      await erasureOf(world).erase({ tenantId: 'acme', productCode: PRODUCT_CODE }, DECISION);
      const old = buyer.agreement;
      await world.pass(24, 4);
      buyer.return();
      await buyer.comeBack();
      await buyer.use(5);
      await world.pass(2);
      expect(await world.database.query(`SELECT FROM marketplace.buyer`)).toHaveLength(1);
      expect((await buyer.subscription()).current).toMatchObject({
        customerAwsAccountId: buyer.accountId,
        licenseArn: buyer.agreement.licenseArn,
      });
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 7, 'l-2': 5 });
      await expectNoTraceOf(world, [old.agreementId, licenseIdOf(old.licenseArn)]);
      await expect(erasureOf(world).erase({ tenantId: 'acme' }, DECISION)).rejects.toBeInstanceOf(ErasureRefusedError);
      // And leaves again.
      await leave(world, buyer);
      await erasureOf(world).erase({ tenantId: 'acme' }, DECISION);
      await expectNoTraceOf(world, namesOf(buyer));
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 7, 'l-2': 12 });
    });
  });

  it('goes on under the same license after all: its names come back with the word of AWS, and each unit is billed once', async () => {
    await withWorld(START, async (world) => {
      const buyer = await erasedByTheHostsWord(world);
      await expectNoTraceOf(world, namesOf(buyer));
      await world.pass(2);
      buyer.renew({ as: 'sameLicense' });
      await world.hear();
      expect(await buyer.state()).toBe('active');
      await buyer.use(6);
      await world.pass(3);
      expect(await world.database.query(`SELECT FROM marketplace.buyer`)).toHaveLength(1);
      expect(await world.database.query(`SELECT FROM marketplace.metering_identity WHERE canonical IS NULL`)).toEqual(
        [],
      );
      expect(await world.database.query(`SELECT FROM marketplace.metering_identity`)).toHaveLength(1);
      expect(Object.values((await world.expectConserved()).billed ?? {}).reduce((a, b) => a + b, 0)).toBe(13);
    });
  });

  it('goes on by a renewal that names what was erased: it is found by the digest, and that name stays erased', async () => {
    await withWorld(START, async (world) => {
      const buyer = await erasedByTheHostsWord(world);
      const old = buyer.agreement;
      buyer.renew({ as: 'newLicense' });
      await world.hear();
      await buyer.use(6);
      await world.pass(3);
      // One subscription: the renewal was joined to what it follows.
      expect(await buyer.state()).toBe('active');
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 7, 'l-2': 6 });
      expect(await world.database.query(`SELECT FROM marketplace.subscription`)).toHaveLength(1);
      await expectNoTraceOf(world, [old.agreementId, licenseIdOf(old.licenseArn)]);
    });
  });
});

describe('a buyer who came, of whom AWS told nothing for nine days', () => {
  it.each([
    ['its start', 'sent'],
    ['its license', 'reversed'],
  ] as const)(
    'was erased, and is in force by its late word, %s first: his names come back, and all is billed',
    async (_, order) => {
      await withWorld(START, async (world) => {
        world.mailbox.hold();
        world.asksAws = false;
        const buyer = world.sign();
        await buyer.arrive();
        await buyer.signUp('acme');
        await buyer.use(3);
        await world.pass(9 * 24, 24);
        await erasureOf(world).erase({ tenantId: 'acme' }, DECISION);
        world.asksAws = true;
        await world.mailbox.release(order);
        await world.hear();
        await buyer.use(4);
        await world.pass(3);
        expect((await buyer.subscription()).current).toMatchObject({
          ...{ agreementId: buyer.agreement.agreementId, licenseArn: buyer.agreement.licenseArn },
          customerAwsAccountId: buyer.accountId,
        });
        expect(await world.expectConserved()).toEqual({ billed: { 'l-1': 7 } });
        expect(await world.alerts()).toEqual([]);
      });
    },
  );
});

describe('a legacy buyer who has left', () => {
  it('is erased under both names, and is the same buyer and the same identity when they return', async () => {
    await withWorld({ ways: ['sns'], startAt: at('2026-03-10T10:05:00Z') }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await leave(world, buyer);
      await world.pass(30, 3);
      const sent = world.mailbox.sent();
      await erasureOf(world).erase({ customerIdentifier: buyer.agreement.customerIdentifier ?? '' }, DECISION);
      await expectNoTraceOf(world, namesOf(buyer));
      await world.mailbox.deliver(sent);
      await world.hear();
      await expectNoTraceOf(world, namesOf(buyer));
      const identities = await world.database.query(`SELECT id FROM marketplace.metering_identity`);

      await world.goTo('2026-06-10T10:00:00Z');
      buyer.return();
      await buyer.comeBack();
      await world.hear();
      await buyer.use(9);
      await world.pass(2);
      expect(await world.database.query(`SELECT FROM marketplace.buyer`)).toHaveLength(1);
      expect(await world.database.query(`SELECT id FROM marketplace.metering_identity`)).toEqual(identities);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 7, 'l-2': 9 });
    });
  });
});

describe('a legacy buyer who returns by a message of SNS alone', () => {
  it('is metered under the name that it speaks, once, though the other name stays erased', async () => {
    await withWorld({ ways: ['sns'], startAt: at('2026-03-10T10:05:00Z') }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await leave(world, buyer);
      await world.pass(2);
      await erasureOf(world).erase({ tenantId: 'acme', productCode: LEGACY_CODE }, DECISION);
      await world.goTo('2026-04-10T10:00:00Z');
      buyer.return();
      await world.hear();
      await world.pass(1);
      await buyer.use(9);
      await world.pass(3);
      expect(await world.database.query(`SELECT FROM marketplace.buyer`)).toHaveLength(1);
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 7, 'l-2': 9 });
    });
  });
});

describe('others beside the buyer', () => {
  it('another ledger of the database, which sends under the same name, goes on sending', async () => {
    await withWorld({ ways: ['sns'], startAt: at('2026-03-10T10:05:00Z') }, async (world) => {
      const buyer = await world.join('acme', { productCode: LEGACY_CODE });
      await leave(world, buyer);
      await world.pass(2);
      await world.database.query(
        `WITH product AS (INSERT INTO marketplace.product SELECT 'other', product_code, type, identity, region
           FROM marketplace.product WHERE product_code = $1),
         buyer AS (INSERT INTO marketplace.buyer (seller_account, id, product_code)
           VALUES ('other', '00000000-0000-4000-8000-000000000001', $1))
         INSERT INTO marketplace.buyer_name SELECT 'other', product_code, kind, digest, name,
           '00000000-0000-4000-8000-000000000001' FROM marketplace.buyer_name WHERE product_code = $1`,
        [LEGACY_CODE],
      );
      const identities = () =>
        world.database.query(`SELECT * FROM marketplace.metering_identity WHERE product_code = $1`, [LEGACY_CODE]);
      const before = await identities();
      expect(before).toHaveLength(1);
      expect(await erasureOf(world).erase({ tenantId: 'acme' }, DECISION)).toMatchObject({ identities: 0 });
      expect(await identities()).toEqual(before);
      expect(
        await world.database.query(`SELECT DISTINCT seller_account FROM marketplace.buyer_name WHERE name IS NOT NULL`),
      ).toEqual([{ seller_account: 'other' }]);
      await world.expectConserved();
    });
  });

  it('the tenant’s other buyer is refused with it, and one by one the one who has left is erased alone', async () => {
    await withWorld(START, async (world) => {
      const gone = await world.join('acme');
      await leave(world, gone);
      const stays = await world.join('acme');
      await stays.use(2);
      await world.pass(1.5);
      await stays.use(3);
      await expect(erasureOf(world).erase({ tenantId: 'acme' }, DECISION)).rejects.toMatchObject({
        obstacles: [{ kind: 'agreement', found: `subscription ${stays.subscriptionId} is active` }, expect.anything()],
      });
      // The running hour of the other one is nobody's matter here.
      await erasureOf(world).erase({ subscriptionId: gone.subscriptionId }, DECISION);
      await expectNoTraceOf(world, namesOf(gone));
      await world.pass(2);
      expect((await stays.subscription()).current).toMatchObject({ customerAwsAccountId: stays.accountId });
      expect((await world.expectConserved()).billed).toEqual({ 'l-1': 7, 'l-2': 5 });
    });
  });
});

describe('an erasure is refused, and changes nothing', () => {
  it('while money is open: it names all that is, and what ends it', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      const refusal = async (): Promise<string[]> => {
        const before = await textOfLedger(world.database);
        const error = await erasureOf(world)
          .erase({ tenantId: 'acme' }, DECISION)
          .catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(ErasureRefusedError);
        expect(error).toMatchObject({ code: 'ERASURE_REFUSED' });
        expect(await textOfLedger(world.database)).toEqual(before);
        return (error as ErasureRefusedError).obstacles.map(({ kind, found }) => `${kind}: ${found}`);
      };
      await buyer.use('2.5');
      expect(await refusal()).toEqual([
        `agreement: subscription ${buyer.subscriptionId} is active`,
        'usage: 2.5 of requests are not sealed',
      ]);
      await world.pass(1.5);
      expect(await refusal()).toEqual([
        `agreement: subscription ${buyer.subscriptionId} is active`,
        'remainder: 0.500000000000 of requests are carried by a period whose books are open'.replace(/0\.5\d*/, '0.5'),
      ]);
      // AWS takes it, and its answer is lost; then the end.
      await buyer.use(4);
      world.simulator.faults.add({ kind: 'error500Before', operation: 'BatchMeterUsage' });
      await world.pass(1);
      buyer.cancel();
      await world.pass(0.5);
      expect(await refusal()).toEqual(
        expect.arrayContaining([
          `agreement: subscription ${buyer.subscriptionId} is ending`,
          expect.stringMatching(/^record: \d record\(s\) are pending$/),
        ]),
      );
      await world.pass(30, 2);
      expect(await refusal()).toEqual(
        expect.arrayContaining([expect.stringMatching(/^record: \d record\(s\) are unknown$/)]),
      );
      await world.expectConserved();
    });
  });

  it.each([
    ['nobody is called so', { tenantId: 'nobody' }, DECISION, 'NOT_FOUND'],
    ['the id is none', { subscriptionId: 'x' }, DECISION, 'NOT_FOUND'],
    ['nobody signs', { tenantId: 'acme' }, { by: '', reason: 'asked' }, 'TRANSITION_REFUSED'],
    ['nobody says why', { tenantId: 'acme' }, { by: 'dpo', reason: ' ' }, 'TRANSITION_REFUSED'],
  ])('where %s', async (_, who, decision, code) => {
    await withWorld(START, async (world) => {
      await leave(world, await world.join('acme'));
      await expect(erasureOf(world).erase(who, decision)).rejects.toMatchObject({ code });
    });
  });

  it('where the reason itself names the buyer', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      await leave(world, buyer);
      await expect(
        erasureOf(world).erase({ tenantId: 'acme' }, { by: 'dpo', reason: `erase ${buyer.accountId}` }),
      ).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
      expect(await world.database.query(`SELECT FROM marketplace.buyer WHERE erased_at IS NOT NULL`)).toEqual([]);
      await world.expectConserved();
    });
  });
});

describe('texts of people and of others', () => {
  it('lose the names, and nothing else; a message that was set aside goes with its buyer', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      await leave(world, buyer);
      const { accountId } = buyer;
      const about = `${accountId} (${buyer.agreement.licenseArn})`;
      // A queue that others write to, a note of an operator, a word to an alert, an error of a handler of the host's.
      const odd = {
        source: 'aws.agreement-marketplace',
        'detail-type': 'Nobody Knows This',
        detail: { who: accountId },
      };
      const response = await fetch(`${await world.app.getUrl()}/marketplace/notifications`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-marketplace-secret': SECRET },
        body: JSON.stringify({
          ...odd,
          id: 'odd-1',
          version: '0',
          account: SELLER,
          time: world.now().toISOString(),
          resources: [],
        }),
      });
      expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
      await world.hear();
      expect(await world.deadLetters()).toHaveLength(1);
      await world.database.query(
        `INSERT INTO marketplace.alert (seller_account, kind, subject, severity, message, details, first_raised_at,
           last_raised_at, acknowledged_at, acknowledged_by, acknowledgement)
         VALUES ($1, 'setupError', 'x', 'warning', $2, jsonb_build_object('who', $2::text), now(), now(), now(), 'ada', $2)`,
        [SELLER, `asked about ${about}`],
      );
      await world.database.query(
        `INSERT INTO marketplace.operator_action (seller_account, action, target, result, decided_by, reason, decided_at)
         VALUES ($1, 'alert.acknowledged', '{}', '{}', 'ada', $2, now())`,
        [SELLER, `talked to ${about}`],
      );
      await erasureOf(world).erase({ tenantId: 'acme' }, DECISION);
      await expectNoTraceOf(world, namesOf(buyer));
      const [action] = await world.database.query<{ reason: string }>(
        `SELECT reason FROM marketplace.operator_action WHERE action = 'alert.acknowledged'`,
      );
      expect(action?.reason).toMatch(/^talked to \(erased\) \(.*\(erased\)\)$/);
      expect(await world.deadLetters()).toEqual([]);
      await world.expectConserved();
    });
  });
});

describe('what happens at the same moment', () => {
  it('as an erasure finds all of it or none: one buyer, every unit once, and names only where they are needed', async () => {
    await withWorld(START, async (world) => {
      const replica = await world.addReplica();
      const buyers = [];
      for (const tenant of ['t-1', 't-2', 't-3', 't-4']) buyers.push(await world.join(tenant));
      for (const buyer of buyers) await buyer.use(3);
      await world.pass(2);
      for (const buyer of buyers) buyer.cancel();
      await world.pass(4);
      const sent = world.mailbox.sent();
      for (const [index, buyer] of buyers.entries()) {
        await world.pass(0.5);
        const erase = () => erasureOf(world).erase({ tenantId: buyer.tenantId }, DECISION);
        const returns = async (): Promise<void> => {
          buyer.return();
          await buyer.comeBack();
        };
        await world.mailbox.deliver(sent);
        const done = await Promise.allSettled([
          erase(),
          erase(),
          world.runOn(replica, 'inbox', 'seal', 'submit'),
          buyer.use(1),
          ...(index % 2 === 0 ? [returns()] : []),
          world.runOn(world.app, 'inbox', 'seal', 'submit'),
        ]);
        for (const outcome of done)
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(ErasureRefusedError);
        await world.hear();
      }
      await world.pass(30, 1);
      expect(await world.database.query(`SELECT FROM marketplace.buyer`)).toHaveLength(4);
      for (const [index, buyer] of buyers.entries()) {
        if (index % 2 === 0)
          expect((await buyer.subscription()).current).toMatchObject({ customerAwsAccountId: buyer.accountId });
        else await erasureOf(world).erase({ tenantId: buyer.tenantId }, DECISION);
        if (index % 2 === 1) await expectNoTraceOf(world, namesOf(buyer));
      }
      const { billed = {} } = await world.expectConserved();
      // Whoever returned pays for what was used at that moment, or the ledger holds it.
      expect(Object.fromEntries(Object.entries(billed).slice(0, 4))).toEqual({
        'l-1': 3,
        'l-2': 3,
        'l-3': 3,
        'l-4': 3,
      });
    });
  });

  it('that fails at its last step is undone whole', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      await leave(world, buyer);
      await world.database.query(
        `CREATE FUNCTION pg_temp_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`,
      );
      await world.database.query(
        `CREATE TRIGGER no_more BEFORE INSERT ON marketplace.operator_action FOR EACH ROW EXECUTE FUNCTION pg_temp_refuse()`,
      );
      const before = await textOfLedger(world.database);
      await expect(erasureOf(world).erase({ tenantId: 'acme' }, DECISION)).rejects.toThrow('no');
      expect(await textOfLedger(world.database)).toEqual(before);
      await world.expectConserved();
    });
  });
});

describe('names in the database', () => {
  it('may go, and come back as they were; all else is refused', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      await buyer.use(2);
      await world.pass(2);
      const { accountId, licenseArn, agreementId } = buyer.agreement;
      const set = (table: string, assignments: string, where = 'true') =>
        world.database.query(`UPDATE marketplace.${table} SET ${assignments} WHERE ${where}`);
      const refused = (table: string, assignments: string, where?: string) =>
        expect(set(table, assignments, where)).rejects.toThrow(/erased/);
      const account = `kind = 'account'`;
      await refused('buyer_name', `name = '999999999999'`, account);
      await set('buyer_name', 'name = NULL', account);
      await refused('buyer_name', `name = '999999999999'`, account);
      await refused('buyer_name', `digest = sha256('x')`, account);
      await set('buyer_name', `name = '${accountId}'`, account);

      const license = `kind = 'license'`;
      await set('agreement_name', 'name = NULL, event_form = NULL');
      await refused('agreement_name', `name = '${licenseArn}9'`, license);
      await refused('agreement_name', `event_form = 'l-other'`, license);
      await refused('agreement_name', `name = 'agmt-other'`, `kind = 'agreement'`);
      await set('agreement_name', `name = '${licenseArn}'`, license);
      await set('agreement_name', `name = '${agreementId}'`, `kind = 'agreement'`);

      const id = licenseIdOf(licenseArn);
      const whole = `canonical = '${id}', license_arn = '${licenseArn}', customer_aws_account_id = '${accountId}'`;
      await refused('metering_identity', `license_arn = '${licenseArn}9'`);
      await refused('metering_identity', `customer_identifier = 'c'`);
      await set(
        'metering_identity',
        'canonical = NULL, license_arn = NULL, customer_aws_account_id = NULL, customer_identifier = NULL',
      );
      await refused('metering_identity', whole.replace(id, 'l-other'));
      await refused('metering_identity', whole.replace(licenseArn, 'arn:aws:license-manager::1:license:l-other'));
      await refused('metering_identity', whole.replace(accountId, '999999999999'));
      await refused('metering_identity', `${whole}, customer_identifier = 'c'`);
      await refused('metering_identity', `canonical = '${id}'`);
      await refused('metering_identity', `customer_aws_account_id = '${accountId}'`);
      await set('metering_identity', whole);
      await refused('metering_identity', `kind = 'account'`);
      await world.expectConserved();
    });
  });
});

describe('the command', () => {
  it('erases by tenant or subscription, signed; says what is open, and ends with 1', async () => {
    await withWorld(START, async (world) => {
      const buyer = await world.join('acme');
      const environment = { DATABASE_URL: world.postgres.url };
      const signed = ['--by', 'dpo', '--because', 'request 2026-118'];
      for (const wrong of [
        ['erase', ...signed],
        ['erase', '--tenant', 'acme', '--by', 'dpo'],
        ['erase', buyer.subscriptionId, '--tenant', 'acme', ...signed],
      ])
        expect(await ledgerCommand(wrong, environment)).toMatchObject({ exitCode: 2 });
      expect(await ledgerCommand(['erase', '--tenant', 'acme', ...signed], environment)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining(`subscription ${buyer.subscriptionId} is active: wait for its end`),
      });
      await leave(world, buyer);
      expect(await ledgerCommand(['erase', '--tenant', 'acme', ...signed, '--dry-run'], environment)).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(buyer.subscriptionId),
      });
      expect(await ledgerCommand(['hold', ...signed, '--dry-run'], environment)).toMatchObject({ exitCode: 2 });
      expect(JSON.stringify(await textOfLedger(world.database))).toContain(buyer.accountId);
      expect(await ledgerCommand(['erase', buyer.subscriptionId, ...signed], environment)).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(buyer.subscriptionId),
      });
      await expectNoTraceOf(world, namesOf(buyer));
      await world.expectConserved();
    });
  });
});
