import { GetEntitlementsCommand } from '@aws-sdk/client-marketplace-entitlement-service';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type EventBridgeEvent,
  type Listing,
  MarketplaceSimulator,
  type NotificationMessage,
  type ProductIdentity,
  type SimulatorOptions,
  type Switches,
} from '../src/index.js';
import { hourMs, noon, startMarketplace, startMetering, stopMarketplaces } from './simulated-marketplace.js';

afterEach(stopMarketplaces);

const dayMs = 24 * hourMs;
const after = (ms: number): Date => new Date(noon.getTime() + ms);
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

interface Sale {
  sim: MarketplaceSimulator;
  listing: Listing;
  /** What was sent since it was asked last: `Purchase Agreement Created - Proposer`, `sns subscribe-success`, … */
  news: () => string[];
  events: () => EventBridgeEvent[];
}

async function startSale(
  options: SimulatorOptions = {},
  identity: ProductIdentity = 'license',
  entitled = true,
): Promise<Sale> {
  const { sim } = await startMarketplace(options);
  const seats = entitled ? [{ name: 'seats', type: 'Entitled' as const }] : [];
  const listing = sim.createProduct({ dimensions: ['users', ...seats], identity, title: 'Widgets' });
  const named = (message: NotificationMessage): string =>
    message.channel === 'eventBridge' ? message.body['detail-type'] : `sns ${message.type}`;
  return {
    ...{ sim, listing },
    news: () => sim.notifications.collect().map(named),
    events: () =>
      sim.notifications.collect().flatMap((message) => (message.channel === 'eventBridge' ? [message.body] : [])),
  };
}

const withSwitches = (switches: Partial<Switches>): SimulatorOptions => ({ switches });

const [created, updated] = ['Purchase Agreement Created - Proposer', 'License Updated - Manufacturer'];
const [ended, deprovisioned] = ['Purchase Agreement Ended - Proposer', 'License Deprovisioned - Manufacturer'];
const amended = 'Purchase Agreement Amended - Proposer';

describe('a subscription', () => {
  it('is announced at once, with the license on its own event', async () => {
    const { sim, listing, events } = await startSale();
    const agreement = sim.subscribe({
      productCode: listing.productCode,
      accountId: '071964067459',
      endsAt: after(365 * dayMs),
    });
    const envelope = {
      ...{
        version: '0',
        id: expect.stringMatching(uuid),
        source: 'aws.agreement-marketplace',
        account: '123456789012',
      },
      ...{
        time: '2026-11-18T12:30:00Z',
        region: 'us-east-1',
        resources: [`arn:aws:aws-marketplace::aws:agreement:${agreement.agreementId}`],
      },
    };
    const common = { requestId: expect.stringMatching(uuid), catalog: 'AWSMarketplace' };
    const parties = { acceptor: { accountId: '071964067459' }, proposer: { accountId: '123456789012' } };
    const offer = { id: listing.publicOfferId };
    const license = agreement.licenseArn.split(':').at(-1);
    expect(events()).toEqual([
      {
        ...envelope,
        'detail-type': created,
        detail: {
          ...common,
          agreement: {
            ...{ id: agreement.agreementId, intent: 'NEW', status: 'ACTIVE', acceptanceTime: '2026-11-18T12:30:00Z' },
            ...{ startTime: '2026-11-18T12:30:00Z', endTime: '2027-11-18T12:30:00Z' },
          },
          resaleAuthorization: { id: null },
          ...parties,
          offer,
        },
      },
      {
        ...envelope,
        'detail-type': updated,
        detail: {
          ...common,
          agreement: { id: agreement.agreementId },
          product: { code: listing.productCode, id: listing.productId },
          license: { arn: `aws:license-manager:us-east-1:111122223333:${license ?? ''}` },
          ...parties,
          offer,
        },
      },
    ]);
  });

  it('names what AWS names: prod-, agmt-, offer-, and the agreement as the first of its chain', async () => {
    const { sim, listing } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode });
    expect(listing).toMatchObject({ productId: expect.stringMatching(/^prod-[a-z0-9]{13}$/), title: 'Widgets' });
    expect(agreement).toMatchObject({
      ...{
        productId: listing.productId,
        offerId: expect.stringMatching(/^offer-[a-z0-9]{13}$/),
        status: 'ACTIVE',
        intent: 'NEW',
      },
      ...{ initialAgreementId: agreement.agreementId, acceptedAt: noon, updatedAt: noon },
    });
    expect(agreement.agreementId).toMatch(/^agmt-[a-z0-9]{25}$/);
  });

  it('tells the manufacturer of a channel partner’s offer in their own form, and of no renewal', async () => {
    const { sim, listing, events, news } = await startSale();
    const resale = { partnerAccountId: '999988887777' };
    const agreement = sim.subscribe({
      productCode: listing.productCode,
      resale,
      endsAt: after(100 * dayMs),
      autoRenew: true,
      lockoutDays: 10,
    });
    const [first, second] = events();
    const id: unknown = expect.stringMatching(/^resaleauthz-[a-z0-9]{13}$/);
    expect(first).toMatchObject({
      'detail-type': 'Purchase Agreement Created - Manufacturer',
      account: '123456789012',
    });
    expect(first?.detail).toMatchObject({ resaleAuthorization: { id }, proposer: { accountId: '999988887777' } });
    expect(second?.['detail-type']).toBe(updated);
    sim.amend(agreement, { autoRenew: false });
    sim.requestCancellation(agreement);
    sim.answerCancellation(agreement, 'VALIDATION_FAILED');
    sim.adjustBilling(agreement, { amount: '-1.00', outcome: 'failed' });
    sim.finalizeRenewalTerms(agreement);
    sim.clock.advance(100 * dayMs);
    expect(news()).toEqual([
      'Purchase Agreement Amended - Manufacturer',
      'Agreement Cancellation Request Pending Approval - Manufacturer',
      'Purchase Agreement Ended - Manufacturer',
    ]);
  });

  it('of a future date is announced at its start, and takes usage from then on', async () => {
    const { sim, listing, news, events } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode, startsAt: after(10 * dayMs) });
    const abandoned = sim.subscribe({ productCode: listing.productCode, startsAt: after(10 * dayMs) });
    sim.setEntitlements(agreement, [{ dimension: 'seats', value: 5 }]);
    sim.cancel(abandoned);
    sim.clock.advance(10 * dayMs - 1);
    expect(news()).toEqual([]);
    expect(sim.agreement(abandoned).status).toBe('CANCELLED');
    sim.clock.advance(1);
    const [first] = events();
    expect(first?.detail).toMatchObject({
      agreement: { acceptanceTime: '2026-11-18T12:30:00Z', startTime: '2026-11-28T12:30:00Z' },
    });
    expect(first?.time).toBe('2026-11-28T12:30:00Z');
    sim.clock.advance(10 * dayMs);
    expect(news()).toEqual([]);
  });

  it('that fails is never announced on the bus, takes no usage, and still has a registration page', async () => {
    const { sim, listing, news } = await startSale({}, 'legacy');
    const failed = sim.failSubscription({ productCode: listing.productCode, endsAt: after(dayMs) });
    sim.clock.advance(2 * dayMs);
    expect(news()).toEqual(['sns subscribe-fail']);
    expect(failed.status).toBe('ROLLED_BACK');
    expect(sim.registrationForm(failed)).toHaveProperty('x-amzn-marketplace-token');
    const { sim: licensed, listing: product, record, outcome } = await startMetering();
    const rolledBack = licensed.failSubscription({ productCode: product.productCode, startsAt: after(-10 * dayMs) });
    expect(await outcome(record({}, rolledBack))).toBe('CustomerNotSubscribed');
  });

  it('is refused where it makes no sense', async () => {
    const { sim, listing } = await startSale();
    const { productCode } = listing;
    expect(() => sim.subscribe({ productCode, autoRenew: true })).toThrow('cannot renew');
    expect(() => sim.subscribe({ productCode, resale: { partnerAccountId: 'x' } })).toThrow('digits only');
    const agreement = sim.subscribe({ productCode });
    expect(() => sim.convertTrial(agreement)).toThrow('not a free trial');
    expect(() => sim.answerCancellation(agreement, 'APPROVED')).toThrow('no open cancellation request');
    sim.requestCancellation(agreement);
    expect(() => sim.requestCancellation(agreement)).toThrow('still open');
    sim.cancel(agreement);
    for (const act of ['amend', 'renew', 'replace'] as const)
      expect(() => sim[act](agreement, {})).toThrow('is CANCELLED');
  });
});

describe('an end', () => {
  it('comes by itself when the clock passes it, Deprovisioned half a minute later', async () => {
    const { sim, listing, events } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode, endsAt: after(10 * dayMs) });
    events();
    sim.clock.set(after(20 * dayMs));
    expect(sim.agreement(agreement)).toMatchObject({ status: 'EXPIRED' });
    const [end, license] = events();
    expect(end).toMatchObject({ 'detail-type': ended, time: '2026-11-28T12:30:00Z' });
    expect(end?.detail).toEqual({
      ...{ requestId: expect.stringMatching(uuid), catalog: 'AWSMarketplace', resaleAuthorization: { id: null } },
      agreement: { id: agreement.agreementId, status: 'EXPIRED' },
      ...{
        acceptor: { accountId: agreement.accountId },
        proposer: { accountId: '123456789012' },
        offer: { id: listing.publicOfferId },
      },
    });
    expect(license).toMatchObject({ 'detail-type': deprovisioned, time: '2026-11-28T12:30:30Z' });
    expect(license?.detail).toMatchObject({
      agreement: { id: agreement.agreementId },
      product: { code: listing.productCode },
    });
  });

  it.each(['CANCELLED', 'TERMINATED', 'EXPIRED'] as const)('as %s says so', async (as) => {
    const { sim, listing, events } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode });
    events();
    expect(sim.end(agreement, { as }).status).toBe(as);
    expect(events().map(({ detail }) => detail.agreement)).toEqual([{ id: agreement.agreementId, status: as }]);
  });

  it('can be moved until it has come, and is told once', async () => {
    const { sim, listing, news } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode });
    sim.end(agreement, { at: after(dayMs) });
    sim.end(agreement, { at: after(2 * dayMs) });
    news();
    sim.clock.advance(dayMs);
    expect(news()).toEqual([]);
    sim.clock.advance(2 * dayMs);
    sim.end(agreement, { at: after(hourMs) });
    sim.clock.advance(dayMs);
    expect(news()).toEqual([ended, deprovisioned]);
    expect(sim.agreement(agreement).endsAt).toEqual(after(hourMs));
  });

  it('comes while the clock runs', async () => {
    const sim = await MarketplaceSimulator.start();
    const { productCode } = sim.createProduct({ dimensions: ['users'] });
    sim.clock.run({ rate: 1000 });
    const agreement = sim.subscribe({ productCode, endsAt: new Date(sim.clock.now().getTime() + 20_000) });
    const deadline = Date.now() + 5000;
    while (sim.notifications.messages({ type: 'License Deprovisioned' }).length === 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(sim.agreement(agreement).status).toBe('EXPIRED');
    expect(sim.notifications.messages().map(({ type }) => type)).toEqual([
      ...['Purchase Agreement Created', 'License Updated', 'Purchase Agreement Ended', 'License Deprovisioned'],
    ]);
    await sim.stop();
  });

  it('announces itself 180, 120, 90, 60 and 30 days before, if that lies after the purchase', async () => {
    const { sim, listing, events } = await startSale();
    const agreement = sim.subscribe({
      productCode: listing.productCode,
      endsAt: after(100 * dayMs),
      autoRenew: true,
      lockoutDays: 20,
    });
    events();
    sim.clock.advance(99 * dayMs);
    const [ninety, sixty, thirty, upcoming, ...rest] = events();
    const days = [ninety, sixty, thirty].map(
      (event) => (event?.detail.agreement as { daysBeforeEndTime: number }).daysBeforeEndTime,
    );
    expect([days, rest]).toEqual([[90, 60, 30], []]);
    const { agreementId: id, accountId } = agreement;
    const product = { id: listing.productId, title: 'Widgets' };
    const parties = { acceptor: { accountId }, proposer: { name: 'Seller 123456789012', accountId: '123456789012' } };
    const common = { requestId: expect.stringMatching(uuid), catalog: 'AWSMarketplace', product, ...parties };
    const term = { id, startTime: '2026-11-18T12:30:00Z', endTime: '2027-02-26T12:30:00Z' };
    expect(ninety).toMatchObject({
      'detail-type': 'Purchase Agreement Ending - Proposer',
      time: '2026-11-28T12:30:00Z',
    });
    expect(ninety?.detail).toEqual({
      ...common,
      agreement: { ...term, status: 'ACTIVE', daysBeforeEndTime: 90, autoRenewalEnabled: true },
      renewalSummary: { lockoutStartTime: '2027-02-06T12:30:00Z', disabledBy: null },
      offer: { id: agreement.offerId },
    });
    expect(upcoming).toMatchObject({
      'detail-type': 'Purchase Agreement Renewal Upcoming - Proposer',
      time: '2027-02-06T12:30:00Z',
    });
    expect(upcoming?.detail).toEqual({
      ...common,
      agreement: term,
      renewalSummary: { lockoutReached: true, tcv: '0.00', currency: 'USD' },
    });
    sim.finalizeRenewalTerms(agreement, { tcv: '105000.00' });
    const [finalized] = events();
    expect(finalized?.['detail-type']).toBe('Purchase Agreement Renewal Terms Finalized - Proposer');
    expect(finalized?.detail.renewalSummary).toEqual({
      ...{ tcv: '105000.00', currency: 'USD', termsFinalizedTime: '2027-02-25T12:30:00Z' },
      ...{ lockoutReached: true, lockoutStartTime: '2027-02-06T12:30:00Z' },
    });
  });
});

describe('what a running agreement goes through', () => {
  it('an amendment: terms at once, the license where they touch it', async () => {
    const { sim, listing, events, news } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode, endsAt: after(100 * dayMs), autoRenew: true });
    events();
    const entitlements = [{ dimension: 'seats', value: 50 }];
    expect(sim.amend(agreement, { entitlements, endsAt: after(200 * dayMs) })).toMatchObject({
      entitlements,
      endsAt: after(200 * dayMs),
    });
    const [terms, license] = events();
    expect(terms?.['detail-type']).toBe(amended);
    expect(terms?.detail).toEqual({
      ...{ requestId: expect.stringMatching(uuid), catalog: 'AWSMarketplace', resaleAuthorization: { id: null } },
      agreement: {
        ...{ id: agreement.agreementId, intent: 'AMEND', status: 'ACTIVE', acceptanceTime: '2026-11-18T12:30:00Z' },
        ...{ startTime: '2026-11-18T12:30:00Z', endTime: '2027-06-06T12:30:00Z', autoRenewalEnabled: true },
      },
      renewalSummary: { lockoutStartTime: null, disabledBy: null },
      product: { id: listing.productId, title: 'Widgets' },
      ...{
        acceptor: { accountId: agreement.accountId },
        proposer: { accountId: '123456789012' },
        offer: { id: agreement.offerId },
      },
    });
    expect(license?.['detail-type']).toBe(updated);
    sim.amend(agreement, { autoRenew: false, renewalDisabledBy: 'PROPOSER' });
    sim.amend(agreement, { autoRenew: true });
    sim.amend(agreement, { autoRenew: false });
    const summaries = events().map(({ detail }) => (detail.renewalSummary as { disabledBy: unknown }).disabledBy);
    expect(summaries).toEqual(['PROPOSER', null, 'ACCEPTOR']);
    sim.setEntitlements(agreement, []);
    expect(news()).toEqual([updated]);
  });

  it('the seller’s wish to cancel: approved, refused, withdrawn, failed, or approved by silence', async () => {
    const { sim, listing, events, news } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode });
    for (const status of ['REJECTED', 'CANCELLED', 'VALIDATION_FAILED'] as const) {
      sim.requestCancellation(agreement);
      sim.answerCancellation(agreement, status);
    }
    const about = 'Agreement Cancellation Request';
    expect(news().slice(2)).toEqual(
      ['Rejected', 'Cancelled', 'Validation Failed'].flatMap((word) => [
        `${about} Pending Approval - Proposer`,
        `${about} ${word} - Proposer`,
      ]),
    );
    sim.requestCancellation(agreement, 'INCORRECT_TERMS_ACCEPTED', 'wrong rate');
    const [pending] = events();
    expect(pending).toMatchObject({ 'detail-type': `${about} Pending Approval - Proposer`, resources: [] });
    expect(pending?.detail).toEqual({
      ...{ requestId: expect.stringMatching(uuid), catalog: 'AWSMarketplace' },
      agreement: {
        ...{
          id: agreement.agreementId,
          acceptorId: agreement.accountId,
          productId: listing.productId,
          offerId: agreement.offerId,
        },
      },
      agreementCancellationRequest: {
        ...{
          id: expect.stringMatching(/^acr-[a-z0-9]{25}$/),
          reasonCode: 'INCORRECT_TERMS_ACCEPTED',
          reasonMessage: 'wrong rate',
        },
        ...{
          statusCode: 'PENDING_APPROVAL',
          statusMessage: '',
          createdAt: '2026-11-18T12:30:00Z',
          updatedAt: '2026-11-18T12:30:00Z',
        },
      },
    });
    sim.clock.advance(7 * dayMs - 1);
    expect(news()).toEqual([]);
    sim.clock.advance(1);
    expect(news()).toEqual([`${about} Approved - Proposer`, ended]);
    expect(sim.agreement(agreement)).toMatchObject({
      status: 'CANCELLED',
      cancellationRequest: { status: 'APPROVED' },
    });
    const other = sim.subscribe({ productCode: listing.productCode });
    sim.requestCancellation(other);
    expect(sim.answerCancellation(other, 'APPROVED', 'fine').status).toBe('CANCELLED');
  });

  it('advisories, vetting of the buyer’s card, and adjustments of the bill', async () => {
    const { sim, listing, events } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode });
    const { agreementId: id, accountId, offerId } = agreement;
    events();
    sim.issueAdvisory(agreement);
    sim.resolveAdvisory(agreement);
    for (const step of ['reached', 'succeeded', 'failed'] as const) sim.vetSpend(agreement, step);
    sim.adjustBilling(agreement, { amount: '-100.00', reason: 'INCORRECT_TERMS_ACCEPTED' });
    sim.adjustBilling(agreement, { amount: '-1000.00', outcome: 'failed', invoiceId: '7', currency: 'EUR' });
    const sent = events();
    expect(sent.map((event) => event['detail-type'])).toEqual([
      ...['Purchase Agreement Advisory Issued - Manufacturer', 'Purchase Agreement Advisory Resolved - Manufacturer'],
      ...['Spend Threshold Reached', 'Spend Threshold Vet Succeeded', 'Spend Threshold Vet Failed'],
      ...[
        'Purchase Agreement Billing Adjustment Completed - Proposer',
        'Purchase Agreement Billing Adjustment Failed - Proposer',
      ],
    ]);
    const requestId: unknown = expect.stringMatching(uuid);
    const common = { requestId, catalog: 'AWSMarketplace', agreement: { id } };
    const parties = { acceptor: { accountId }, proposer: { accountId: '123456789012' }, offer: { id: offerId } };
    const advised = { ...common, product: { id: listing.productId }, ...parties };
    expect(sent[0]?.detail).toEqual({ ...advised, advisory: { issuedAt: '2026-11-18T12:30:00Z' } });
    expect(sent[1]?.detail).toEqual({ ...advised, advisory: { resolvedAt: '2026-11-18T12:30:00Z' } });
    expect(sent[2]?.detail).toEqual(advised);
    expect(sent[5]).toMatchObject({ resources: [] });
    const adjustment = { id: expect.stringMatching(/^ba-/), adjustmentAmount: '-100.00', currencyCode: 'USD' };
    expect(sent[5]?.detail).toEqual({
      ...common,
      billingAdjustmentRequest: { ...adjustment, adjustmentReasonCode: 'INCORRECT_TERMS_ACCEPTED' },
      invoice: { originalInvoiceId: '2028746221' },
    });
    expect(sent[6]?.detail).toMatchObject({
      billingAdjustmentRequest: { currencyCode: 'EUR', adjustmentReasonCode: 'OTHER' },
      invoice: { originalInvoiceId: '7' },
    });
  });

  it('no change is announced once it has ended, nor is it ever renewed for no time at all', async () => {
    const { sim, listing, news } = await startSale();
    const { productCode } = listing;
    const agreement = sim.cancel(sim.subscribe({ productCode }));
    news();
    sim.setEntitlements(agreement, []);
    expect(news()).toEqual([]);
    expect(sim.subscribe({ productCode, startsAt: noon, endsAt: noon, autoRenew: true }).status).toBe('EXPIRED');
  });

  it('a suspension: nothing is announced', async () => {
    const { sim, listing, news } = await startSale();
    const agreement = sim.subscribe({ productCode: listing.productCode });
    news();
    sim.suspend(agreement);
    sim.reinstate(agreement);
    expect(news()).toEqual([]);
  });
});

describe('what comes after an agreement', () => {
  it('a renewal at its end is a new agreement, for as long again', async () => {
    const { sim, listing, events } = await startSale();
    const entitlements = [{ dimension: 'seats', value: 5 }];
    const first = sim.subscribe({
      productCode: listing.productCode,
      endsAt: after(10 * dayMs),
      autoRenew: true,
      entitlements,
    });
    events();
    sim.clock.advance(10 * dayMs);
    const second = sim.agreements()[1];
    expect(second).toMatchObject({
      ...{
        intent: 'RENEW',
        status: 'ACTIVE',
        accountId: first.accountId,
        offerId: first.offerId,
        autoRenew: true,
        entitlements,
      },
      ...{ previousAgreementId: first.agreementId, initialAgreementId: first.agreementId },
      ...{ startsAt: after(10 * dayMs), endsAt: after(20 * dayMs) },
    });
    expect(sim.agreement(first)).toMatchObject({ status: 'RENEWED', nextAgreementId: second?.agreementId });
    const [creation, license, end] = events();
    expect(creation?.detail).toEqual({
      ...{ requestId: expect.stringMatching(uuid), catalog: 'AWSMarketplace' },
      agreement: {
        ...{ id: second?.agreementId, intent: 'RENEW', status: 'ACTIVE', acceptanceTime: '2026-11-28T12:30:00Z' },
        ...{
          startTime: '2026-11-28T12:30:00Z',
          endTime: '2026-12-08T12:30:00Z',
          previousAgreementId: first.agreementId,
        },
      },
      product: { id: listing.productId, title: 'Widgets' },
      acceptor: { accountId: first.accountId },
      ...{ proposer: { name: 'Seller 123456789012', accountId: '123456789012' }, offer: { id: first.offerId } },
    });
    expect(license?.['detail-type']).toBe(updated);
    expect(end?.detail.agreement).toEqual({ id: first.agreementId, status: 'RENEWED' });
    sim.clock.advance(10 * dayMs);
    expect(sim.agreements()).toHaveLength(3);
    expect(sim.agreements()[2]?.initialAgreementId).toBe(first.agreementId);
  });

  it.each([
    ['newLicense', 2, false, [created, updated, ended, deprovisioned]],
    ['sameLicense', 2, true, [created, updated, ended]],
    ['sameAgreement', 1, true, [updated]],
  ] as const)('renewalLicense %s', async (renewalLicense, agreements, sameLicense, expected) => {
    const { sim, listing, news } = await startSale(withSwitches({ renewalLicense }));
    const first = sim.subscribe({ productCode: listing.productCode, endsAt: after(10 * dayMs), autoRenew: true });
    news();
    sim.clock.advance(10 * dayMs + hourMs);
    const last = sim.agreements().at(-1);
    expect([sim.agreements().length, last?.licenseArn === first.licenseArn]).toEqual([agreements, sameLicense]);
    expect(last).toMatchObject({ status: 'ACTIVE', endsAt: after(20 * dayMs) });
    expect(news()).toEqual(expected);
    sim.clock.advance(10 * dayMs);
    expect(sim.agreements().at(-1)?.endsAt).toEqual(after(30 * dayMs));
  });

  it('a license that is kept takes usage of both terms, an old license of its own only', async () => {
    for (const [renewalLicense, late, fresh] of [
      ['sameLicense', 'Success', 'Success'],
      ['newLicense', 'Success', 'InvalidLicenseException'],
    ] as const) {
      const { sim, agreement, record, outcome } = await startMetering(withSwitches({ renewalLicense }));
      sim.end(agreement, { at: after(dayMs), as: 'EXPIRED' });
      sim.clock.advance(dayMs / 2);
      const renewed = sim.renew(agreement, { endsAt: after(30 * dayMs) });
      sim.clock.advance(hourMs / 2);
      expect([renewalLicense, await outcome(record({ Timestamp: after(dayMs / 2 - hourMs) }))]).toEqual([
        renewalLicense,
        late,
      ]);
      const inNewTerm = { Timestamp: after(dayMs / 2 + 60_000) };
      expect([renewalLicense, await outcome(record(inNewTerm))]).toEqual([renewalLicense, fresh]);
      expect(await outcome(record({ ...inNewTerm, Dimension: 'gigabytes' }, renewed))).toBe('Success');
    }
  });

  it('a legacy customer is not interrupted by a renewal: usage of the term before is taken as long as ever', async () => {
    const { sim, agreement, record, outcome } = await startMetering({}, 'legacy');
    sim.end(agreement, { at: after(dayMs), as: 'EXPIRED' });
    sim.renew(agreement);
    sim.clock.advance(2 * hourMs);
    expect(await outcome(record({ Timestamp: after(-10 * hourMs) }))).toBe('Success');
  });

  it.each([
    ['newLicense', false, [created, updated, ended, deprovisioned]],
    ['sameLicense', true, [created, updated, ended]],
  ] as const)('replacementLicense %s', async (replacementLicense, sameLicense, expected) => {
    const { sim, listing, events, news } = await startSale(withSwitches({ replacementLicense }));
    const first = sim.subscribe({ productCode: listing.productCode });
    news();
    const second = sim.replace(first, { entitlements: [{ dimension: 'seats', value: 1 }] });
    expect(second).toMatchObject({
      intent: 'REPLACE',
      previousAgreementId: first.agreementId,
      initialAgreementId: first.agreementId,
    });
    expect([second.licenseArn === first.licenseArn, second.offerId === first.offerId]).toEqual([sameLicense, false]);
    expect(sim.agreement(first).status).toBe('REPLACED');
    sim.clock.advance(hourMs);
    const sent = events();
    expect(sent.map((event) => event['detail-type'])).toEqual(expected);
    expect(sent[0]?.detail).toMatchObject({ agreement: { intent: 'REPLACE' }, offer: { id: second.offerId } });
  });

  it.each([
    ['sameAgreement', 1, true, [amended, updated]],
    ['sameLicense', 2, true, [created, updated, ended]],
    ['newLicense', 2, false, [created, updated, ended, deprovisioned]],
  ] as const)('trialConversion %s', async (trialConversion, agreements, sameLicense, expected) => {
    const { sim, listing, news } = await startSale(withSwitches({ trialConversion }));
    const trial = sim.subscribe({ productCode: listing.productCode, freeTrial: true, endsAt: after(14 * dayMs) });
    expect(sim.registrationForm(trial)['x-amzn-marketplace-offer-type']).toBe('free-trial');
    news();
    const paid = sim.convertTrial(trial);
    expect(paid).toMatchObject({ freeTrial: false, status: 'ACTIVE' });
    expect(paid.endsAt).toBeUndefined();
    expect([sim.agreements().length, paid.licenseArn === trial.licenseArn]).toEqual([agreements, sameLicense]);
    sim.clock.advance(20 * dayMs);
    expect(news()).toEqual(expected);
  });

  it('each of several agreements of one account lives its own life', async () => {
    const { sim, listing, news } = await startSale();
    const accountId = '071964067459';
    const [one, two] = [
      sim.subscribe({ productCode: listing.productCode, accountId }),
      sim.subscribe({ productCode: listing.productCode, accountId }),
    ];
    expect(one.licenseArn).not.toBe(two.licenseArn);
    sim.cancel(one);
    sim.clock.advance(hourMs);
    expect(sim.agreements().map(({ status }) => status)).toEqual(['CANCELLED', 'ACTIVE']);
    expect(news().slice(4)).toEqual([ended, deprovisioned]);
  });
});

describe('the hour for final usage', () => {
  it.each([
    ['ended', 30_000, hourMs],
    ['deprovisioned', 30_000, hourMs + 30_000],
    ['endedUntilDeprovisioned', hourMs, hourMs],
  ] as const)('finalHourOpenedBy %s', async (finalHourOpenedBy, deprovisionedAfter, closedAfter) => {
    const { sim, agreement, record, outcome } = await startMetering(withSwitches({ finalHourOpenedBy }));
    sim.notifications.collect();
    sim.end(agreement);
    const before = { Timestamp: after(-hourMs) };
    sim.clock.set(after(closedAfter - 1));
    expect(await outcome(record(before))).toBe('Success');
    sim.clock.set(after(closedAfter));
    expect(await outcome(record({ ...before, Dimension: 'gigabytes' }))).toBe('CustomerNotSubscribed');
    const told = sim.notifications.collect().map(({ type, at }) => [type, at.getTime() - noon.getTime()]);
    expect(told).toEqual([
      ['Purchase Agreement Ended', 0],
      ['License Deprovisioned', deprovisionedAfter],
    ]);
  });

  it.each([30_000, 300_000])('deprovisionedAfterMs %s', async (deprovisionedAfterMs) => {
    const { sim, listing } = await startSale(withSwitches({ deprovisionedAfterMs }));
    sim.cancel(sim.subscribe({ productCode: listing.productCode }));
    sim.clock.advance(hourMs);
    const [license] = sim.notifications.messages({ type: 'License Deprovisioned' });
    expect(license?.at).toEqual(after(deprovisionedAfterMs));
  });

  it('follows a switch that is thrown while it waits', async () => {
    const { sim, listing, news } = await startSale();
    sim.cancel(sim.subscribe({ productCode: listing.productCode }));
    news();
    sim.setSwitches({ deprovisionedAfterMs: 600_000 });
    sim.clock.advance(599_999);
    expect(news()).toEqual([]);
    sim.clock.advance(1);
    expect(news()).toEqual([deprovisioned]);
  });
});

describe('the topics of a legacy product', () => {
  it('tell the story of a customer by their identifier', async () => {
    const { sim, listing } = await startSale({}, 'legacy');
    const agreement = sim.subscribe({ productCode: listing.productCode, freeTrial: true });
    const common = { 'customer-identifier': agreement.customerIdentifier, 'product-code': listing.productCode };
    sim.cancel(agreement);
    sim.clock.advance(2 * hourMs);
    const sent = sim.notifications
      .messages()
      .flatMap((message) => (message.channel === 'eventBridge' ? [] : [message]));
    expect(sent.map(({ channel, body, at }) => [channel, body, at.getTime() - noon.getTime()])).toEqual([
      [
        'subscriptionTopic',
        {
          action: 'subscribe-success',
          ...common,
          'offer-identifier': agreement.offerId,
          isFreeTrialTermPresent: 'true',
        },
        0,
      ],
      ['entitlementTopic', { action: 'entitlement-updated', ...common }, 0],
      ['subscriptionTopic', { action: 'unsubscribe-pending', ...common, isFreeTrialTermPresent: 'true' }, 0],
      ['entitlementTopic', { action: 'entitlement-updated', ...common }, 30_000],
      ['subscriptionTopic', { action: 'unsubscribe-success', ...common, isFreeTrialTermPresent: 'true' }, hourMs],
    ]);
    expect(sent[0]?.topicArn).toBe(
      `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${listing.productCode}`,
    );
    expect(sent[1]?.topicArn).toBe(
      `arn:aws:sns:us-east-1:287250355862:aws-mp-entitlement-notification-${listing.productCode}`,
    );
  });

  const sns = (sim: MarketplaceSimulator): string[] =>
    sim.notifications.collect().flatMap(({ channel, type }) => (channel === 'subscriptionTopic' ? [type] : []));

  it('skip unsubscribe-success for a customer who came back within the hour', async () => {
    const { sim, listing } = await startSale({}, 'legacy');
    const agreement = sim.subscribe({ productCode: listing.productCode });
    sim.cancel(agreement);
    sim.subscribe({ productCode: listing.productCode, accountId: agreement.accountId });
    sim.clock.advance(2 * hourMs);
    expect(sns(sim)).toEqual(['subscribe-success', 'unsubscribe-pending', 'subscribe-success']);
  });

  it('say subscribe-success again when an offer is accepted, and nothing of a renewal', async () => {
    const { sim, listing } = await startSale({}, 'legacy');
    const agreement = sim.subscribe({ productCode: listing.productCode, endsAt: after(10 * dayMs) });
    expect(sns(sim)).toEqual(['subscribe-success']);
    sim.amend(agreement, { offerId: 'offer-private' });
    sim.amend(agreement, { endsAt: after(20 * dayMs) });
    expect(sns(sim)).toEqual(['subscribe-success']);
    const replaced = sim.replace(agreement);
    expect(sns(sim)).toEqual(['subscribe-success']);
    sim.renew(replaced);
    sim.clock.advance(2 * hourMs);
    expect(sns(sim)).toEqual([]);
  });

  it('say nothing of entitlements for a product that has none, and nothing at all for a product by license', async () => {
    for (const [identity, expected] of [
      ['legacy', ['subscriptionTopic']],
      ['license', []],
    ] as const) {
      const { sim, listing } = await startSale({}, identity, false);
      sim.subscribe({ productCode: listing.productCode });
      const channels = sim.notifications.messages().map(({ channel }) => channel);
      expect(channels.filter((channel) => channel !== 'eventBridge')).toEqual(expected);
    }
  });

  it('entitlement-updated is worth a call', async () => {
    const { sim, entitlements } = await startMarketplace();
    const { productCode } = sim.createProduct({
      dimensions: [{ name: 'seats', type: 'Entitled' }],
      identity: 'legacy',
    });
    const agreement = sim.subscribe({ productCode });
    sim.notifications.collect();
    sim.setEntitlements(agreement, [{ dimension: 'seats', value: 9 }]);
    expect(sim.notifications.collect().map(({ type }) => type)).toEqual(['License Updated', 'entitlement-updated']);
    const answer = await entitlements.send(new GetEntitlementsCommand({ ProductCode: productCode }));
    expect(answer.Entitlements?.[0]?.Value).toEqual({ IntegerValue: 9 });
  });
});

describe('the forms of events', () => {
  /** The events of a life from the purchase to the end, by detail-type without its role. */
  const life = async (
    switches: Partial<Switches>,
    entitled = true,
  ): Promise<Record<string, EventBridgeEvent | undefined>> => {
    const { sim, listing } = await startSale(withSwitches(switches), 'license', entitled);
    sim.cancel(sim.subscribe({ productCode: listing.productCode }));
    sim.clock.advance(hourMs);
    const sent = sim.notifications.messages().map(({ type, body }) => [type, body as EventBridgeEvent] as const);
    return Object.fromEntries(sent);
  };
  const detail = async (
    type: string,
    switches: Partial<Switches>,
    entitled = true,
  ): Promise<Record<string, unknown> | undefined> => (await life(switches, entitled))[type]?.detail;

  it('usageLicenseUpdated', async () => {
    expect(await life({ usageLicenseUpdated: 'sent' }, false)).toHaveProperty('License Updated');
    expect(await life({ usageLicenseUpdated: 'notSent' }, false)).not.toHaveProperty('License Updated');
    expect(await life({ usageLicenseUpdated: 'notSent' }, true)).toHaveProperty('License Updated');
  });

  it('eventLicenseArn', async () => {
    const arn = async (eventLicenseArn: Switches['eventLicenseArn']): Promise<unknown> =>
      ((await detail('License Updated', { eventLicenseArn }))?.license as { arn: unknown }).arn;
    expect(await arn('documented')).toMatch(/^aws:license-manager:us-east-1:111122223333:l-[0-9a-f]{32}$/);
    expect(await arn('api')).toMatch(/^arn:aws:license-manager::111122223333:license:l-[0-9a-f]{32}$/);
  });

  it('licenseEventOfferId', async () => {
    const offer = (licenseEventOfferId: Switches['licenseEventOfferId']): Promise<unknown> =>
      detail('License Deprovisioned', { licenseEventOfferId }).then((found) => found?.offer);
    expect(await offer('prefixed')).toEqual({ id: expect.stringMatching(/^offer-[a-z0-9]{13}$/) });
    expect(await offer('bare')).toEqual({ id: expect.stringMatching(/^[a-z0-9]{13}$/) });
  });

  it('endedEventOffer', async () => {
    expect(await detail('Purchase Agreement Ended', { endedEventOffer: 'present' })).toHaveProperty('offer.id');
    expect(await detail('Purchase Agreement Ended', { endedEventOffer: 'absent' })).not.toHaveProperty('offer');
  });

  it('openEndInEvents', async () => {
    const time = (openEndInEvents: Switches['openEndInEvents']): Promise<unknown> =>
      detail('Purchase Agreement Created', { openEndInEvents }).then((found) => found?.agreement);
    // Cancelled at once, yet the agreement had no end when it was created.
    expect(await time('year9999')).toHaveProperty('endTime', '9999-01-01T00:00:00Z');
    expect(await time('absent')).not.toHaveProperty('endTime');
  });

  it('directResaleAuthorization', async () => {
    const created = (value: Switches['directResaleAuthorization']): ReturnType<typeof detail> =>
      detail('Purchase Agreement Created', { directResaleAuthorization: value });
    expect(await created('nullId')).toHaveProperty('resaleAuthorization', { id: null });
    expect(await created('absent')).not.toHaveProperty('resaleAuthorization');
  });

  it('eventRequestId', async () => {
    const ids = async (eventRequestId: Switches['eventRequestId']): Promise<number[]> => {
      const events = await life({ eventRequestId });
      const requestIds = Object.values(events).map((event) => event?.detail.requestId);
      expect(new Set(Object.values(events).map((event) => event?.id)).size).toBe(4);
      return [new Set(requestIds.slice(0, 2)).size, new Set(requestIds.slice(2)).size];
    };
    expect(await ids('perEvent')).toEqual([2, 2]);
    expect(await ids('shared')).toEqual([1, 1]);
  });

  it('unknownEventFields', async () => {
    expect(Object.keys((await detail('License Updated', { unknownEventFields: 'none' })) ?? {})).not.toContain(
      'correlation',
    );
    const added = await detail('License Updated', { unknownEventFields: 'added' });
    expect(added).toMatchObject({ correlation: { version: 1 }, acceptor: { partition: 'aws' } });
  });
});
