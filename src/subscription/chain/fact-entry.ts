// From a message to rows: buyer, agreements, facts; then the projection.
import { Inject, Injectable } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedProduct, type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { factIdOf } from '../agreements/agreement-fact.js';
import { type LifecycleEvent } from '../inbox/lifecycle-event.js';
import { ignoreWaiting, lockNames, type Outcome, selectIgnoredProduct, wakeWaiting } from '../inbox/message.sql.js';
import { ProductCatalog } from '../product-catalog.js';
import { completeAgreement, insertAgreementNames, selectProductOfId } from './agreement.sql.js';
import { accountsOf, agreementNamesOf, buyerNamesOf, labelOf, listingIdLabelsOf, productLabelOf } from './aws-names.js';
import { resolveBuyer, selectBuyer } from './buyer.sql.js';
import { type AgreementRecord, selectBuyersOf } from './buyer-chains.js';
import { isBackBy, isUnknownAgreement, namingOf, withoutNames } from './buyer-return.js';
import { factOfEvent, offerOf, productIdOf } from './fact-details.js';
import { type NewFact } from './fact.sql.js';
import { askAboutBuyer, askAboutWaiting } from './next-ask.sql.js';
import { Projection, type Projected } from './projection.js';
import { type Heard, rowOf, type Spoken, SpokenNames } from './spoken-names.js';
import { selectCurrentAgreement, selectLivingOf } from './subscription.sql.js';

export type Entered =
  | { outcome: Exclude<Outcome, { state: 'applied' }>; projected: null }
  | {
      outcome: Outcome;
      projected: Projected;
      /** It speaks of a buyer whose names were erased: what holds them of the message goes, too. */
      isOfThePast: boolean;
    };

/**
 * What names an agreement that nobody knows makes it known only by these: ends, advisories and notices wait for one of
 * them.
 */
const MAKES_AGREEMENTS: ReadonlySet<string> = new Set([
  'agreement.created',
  'license.updated',
  'agreement.found',
  'buyer.registered',
]);
/** These make a buyer known whom nobody has heard of. */
const MAKES_BUYERS: ReadonlySet<string> = new Set([...MAKES_AGREEMENTS, 'legacy.subscribeSucceeded']);
/**
 * Turns what was heard into rows: a buyer, agreements with their names, facts; and has the buyer's chains projected.
 * What names nobody known waits until a registration or another message makes it known; nothing that was received is
 * ever dropped, and none is refused because of what is sealed.
 */
@Injectable()
export class FactEntry {
  private readonly spokenNames: SpokenNames;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly products: ProductCatalog,
    private readonly projection: Projection,
  ) {
    this.spokenNames = new SpokenNames(options.sellerAccount);
  }

  /** @param tx a READ COMMITTED transaction: what another wrote while this one waited for a name must be seen */
  async enter(tx: LedgerSql, heard: Heard): Promise<Entered> {
    const { about } = heard.event;
    if (about.subscriptionId !== undefined) return this.enterKnown(tx, heard, about.subscriptionId);
    const product = await this.productOf(tx, heard.event);
    if (product === 'unlisted') return this.ignore(tx, heard.event);
    return this.enterNamed(tx, heard, product?.productCode ?? null);
  }

  /** The names of all parts of an answer at once: who holds one of them waits for no other. */
  async lock(tx: LedgerSql, parts: readonly Heard[]): Promise<void> {
    const labels = parts.flatMap((part) => this.spokenNames.labelsOf(part, part.event.about.productCode ?? null));
    await lockNames(tx, this.options.sellerAccount, labels);
  }

  // --- what speaks of a subscription of ours

  private async enterKnown(tx: LedgerSql, heard: Heard, subscriptionId: string): Promise<Entered> {
    const { sellerAccount } = this.options;
    const living = await selectLivingOf(tx, sellerAccount, subscriptionId);
    const [buyerId] = living ? await selectBuyersOf(tx, sellerAccount, [living.id]) : [];
    if (!living || buyerId === undefined) {
      return { outcome: { state: 'ignored', names: [], error: 'there is no such subscription' }, projected: null };
    }
    const { event } = heard;
    const productCode = living.product_code;
    await this.spokenNames.lock(tx, heard, productCode);
    const spoken = await this.spokenNames.read(tx, heard, productCode);
    const named = spoken.names.length > 0 ? rowOf(spoken) : null;
    if (event.type === 'agreement.found' && named === null) {
      // Only the buyer could be asked: what AWS said concerns the agreement that runs.
      const current = await selectCurrentAgreement(tx, sellerAccount, living.id);
      return this.project(tx, heard, { spoken, buyerId, agreementId: current, added: [], subscriptionId: living.id });
    }
    return this.enterWith(tx, heard, { spoken, buyerId, subscriptionId: living.id });
  }

  // --- what names agreements and buyers as AWS does

  private async enterNamed(tx: LedgerSql, heard: Heard, given: string | null): Promise<Entered> {
    const { event } = heard;
    const labels = await this.spokenNames.lock(tx, heard, given);
    const found = await this.spokenNames.read(tx, heard, given);
    const known = found.byKey ?? found.byLicense[0] ?? found.byPrevious;
    const productCode = given ?? known?.product_code ?? null;
    if (productCode !== null && !this.products.get(productCode)) return this.ignore(tx, event, productCode);
    if (productCode === null) return this.wait(tx, labels, heard);
    const spoken = { ...found, productCode };
    const buyerNames = buyerNamesOf(event.about);
    if (given === null && buyerNames.length > 0)
      await lockNames(
        tx,
        this.options.sellerAccount,
        buyerNames.map((name) => labelOf(name, productCode)),
      );
    const buyerId = await this.buyerOf(tx, heard, spoken);
    if (buyerId === null) return this.wait(tx, labels, heard);
    const isUnknown = spoken.names.length > 0 && rowOf(spoken) === null;
    if (isUnknown && (event.isUntimed === true || !MAKES_AGREEMENTS.has(event.type))) {
      // It may be of an agreement that is known without its name: AWS lists all that the buyer has.
      await askAboutBuyer(tx, this.options.sellerAccount, buyerId, heard.heardAt);
      return this.wait(tx, labels, heard);
    }
    return this.enterWith(tx, heard, { spoken, buyerId, subscriptionId: null });
  }

  private async enterWith(
    tx: LedgerSql,
    heard: Heard,
    { spoken, buyerId, subscriptionId }: { spoken: Spoken; buyerId: string; subscriptionId: string | null },
  ): Promise<Entered> {
    const { sellerAccount } = this.options;
    const { event } = spoken;
    const { isErased, isBack } = await namingOf(tx, sellerAccount, buyerId, spoken);
    const names = isErased ? withoutNames(spoken.names) : spoken.names;
    const row = rowOf(spoken);
    const license = names.find(({ kind }) => kind === 'license') ?? null;
    if (names.length === 0)
      return this.project(tx, heard, { spoken, buyerId, agreementId: null, added: [], subscriptionId });

    const isOtherLicense =
      row !== null && license !== null && (await this.spokenNames.hasOtherLicense(tx, row, spoken, license.digest));
    if (row === null || isOtherLicense) {
      // The agreement id stays with the row that has it: another license under it is an agreement that follows.
      const own = isOtherLicense ? names.filter(({ kind }) => kind === 'license') : names;
      const added: AgreementRecord = {
        ...{ id: uuidv7(), subscriptionId: null, aliasOf: null, names: own },
        ...{ productId: productIdOf(spoken, this.products), offerId: offerOf(event) },
      };
      const follows = isOtherLicense ? (names.find(({ kind }) => kind === 'agreement')?.digest ?? null) : null;
      return this.project(tx, heard, {
        spoken,
        buyerId,
        agreementId: added.id,
        added: [added],
        subscriptionId,
        follows,
      });
    }
    await insertAgreementNames(tx, sellerAccount, row.id, names, { isBack });
    await completeAgreement(tx, sellerAccount, row.id, {
      buyerId,
      productId: productIdOf(spoken, this.products),
      offerId: offerOf(event),
    });
    // A license that serves several agreements names none of them; the rules find the one by its time.
    const isOneOfSeveral = spoken.byKey === null && new Set(spoken.byLicense.map(({ id }) => id)).size > 1;
    return this.project(tx, heard, {
      ...{ spoken, buyerId, added: [], subscriptionId },
      agreementId: isOneOfSeveral ? null : row.id,
      licenseDigest: isOneOfSeveral ? (license?.digest ?? null) : null,
    });
  }

  private async project(
    tx: LedgerSql,
    heard: Heard,
    about: {
      spoken: Spoken;
      buyerId: string;
      agreementId: string | null;
      added: readonly AgreementRecord[];
      subscriptionId: string | null;
      licenseDigest?: string | null;
      /** Digest of the agreement that the added row follows, where the event says so by its license. */
      follows?: string | null;
    },
  ): Promise<Entered> {
    const { sellerAccount } = this.options;
    const { origin, messageId, heardAt, event } = heard;
    const { spoken, buyerId, agreementId, added, subscriptionId, licenseDigest = null, follows = null } = about;
    const { type, details } = factOfEvent(event);
    const fact: NewFact = {
      ...{
        id: factIdOf(origin, messageId, type),
        type,
        agreementId,
        subscriptionId,
        at: event.at,
        heardAt,
        origin,
        messageId,
      },
      details: {
        ...details,
        ...(licenseDigest === null ? {} : { licenseDigest }),
        ...(follows === null ? {} : { previousDigest: follows }),
      },
    };
    const projected = await this.projection.enter(tx, buyerId, { agreements: added, facts: [fact] }, heard.isPart);
    if (event.isUntimed === true)
      await askAboutBuyer(tx, this.options.sellerAccount, buyerId, this.options.clock.now());
    const names = [...spoken.names, ...buyerNamesOf(event.about)].map((name) => labelOf(name, spoken.productCode));
    await wakeWaiting(tx, sellerAccount, [...names, ...listingIdLabelsOf(event.about)]);
    await this.askAboutWaiting(tx, event, [projected.chains.buyerId]);
    const home = subscriptionId ?? subscriptionOfFact(fact, projected);
    const { isOfThePast } = await namingOf(tx, sellerAccount, buyerId, spoken);
    return { outcome: { state: 'applied', subscriptionId: home }, projected, isOfThePast };
  }

  /** Of the account that the event names: its buyer (`of`) has become known just now, or the event is what waits. */
  async askAboutWaiting(tx: LedgerSql, { about }: LifecycleEvent, of: readonly string[] | null): Promise<void> {
    const listed = this.products.all.map(({ productCode }) => productCode);
    for (const name of accountsOf(about)) await askAboutWaiting(tx, this.options.sellerAccount, listed, name, of);
  }

  // --- product and buyer

  private async productOf(tx: LedgerSql, { about }: LifecycleEvent): Promise<ResolvedProduct | 'unlisted' | undefined> {
    const { productCode, productId } = about;
    if (productCode !== undefined) return this.products.get(productCode) ?? 'unlisted';
    if (productId === undefined) return undefined;
    const listed = this.products.all.find((product) => product.productId === productId);
    if (listed) return listed;
    // Pairs of code and id are learned from messages that name both.
    const learned = await selectProductOfId(tx, this.options.sellerAccount, productId);
    if (learned !== null) return this.products.get(learned) ?? 'unlisted';
    return this.products.all.every((product) => product.productId !== undefined) ? 'unlisted' : undefined;
  }

  private async buyerOf(tx: LedgerSql, heard: Heard, spoken: Spoken): Promise<string | null> {
    const { sellerAccount } = this.options;
    const { productCode, byKey, byLicense, byPrevious } = spoken;
    const names = buyerNamesOf(heard.event.about);
    const own = byKey?.buyer_id ?? byLicense[0]?.buyer_id ?? null;
    const isMaker = heard.event.isUntimed !== true && MAKES_BUYERS.has(heard.event.type);
    if (own === null && !isMaker) return selectBuyer(tx, sellerAccount, productCode, names);
    // A successor that names no buyer is that of its predecessor's.
    const fallback = own ?? (names.length === 0 ? (byPrevious?.buyer_id ?? null) : null);
    const { event } = heard;
    return resolveBuyer(tx, sellerAccount, productCode, names, {
      knownBy: fallback,
      // The license of what is named was entered alone, without its buyer.
      alsoKnownBy: byLicense.flatMap((row) => row.buyer_id ?? []),
      isBack: (erasedAt) => isBackBy(event, { erasedAt, isUnknownAgreement: isUnknownAgreement(spoken) }),
    });
  }

  // --- what is not entered

  private async wait(tx: LedgerSql, labels: readonly string[], { event }: Heard): Promise<Entered> {
    if (labels.length === 0) {
      return {
        outcome: { state: 'ignored', names: [], error: 'it names no agreement, license or customer' },
        projected: null,
      };
    }
    const own = agreementNamesOf(event.about, 'event').map((name) => labelOf(name, null));
    const ignored = await selectIgnoredProduct(tx, this.options.sellerAccount, own);
    if (ignored !== null) {
      const error = 'its agreement is one of a product that is not listed in the options';
      return { outcome: { state: 'ignored', names: [...own, ignored], error }, projected: null };
    }
    const names = [...labels, ...accountsOf(event.about).map((name) => labelOf(name, null))];
    return { outcome: { state: 'waiting', names, error: 'nobody is known by any of its names yet' }, projected: null };
  }

  /**
   * Of a product of the seller that is not ours, or is ours no more. Were it listed again, the message would be
   * processed.
   */
  private async ignore(tx: LedgerSql, { about }: LifecycleEvent, productCode = about.productCode): Promise<Entered> {
    const names = agreementNamesOf(about, 'event').map((name) => labelOf(name, null));
    const product = productLabelOf({ ...about, productCode });
    const error = `product ${productCode ?? about.productId ?? ''} is not listed in the options`;
    await ignoreWaiting(tx, this.options.sellerAccount, { names, productLabel: product, error });
    return { outcome: { state: 'ignored', names: [...names, product], error }, projected: null };
  }
}

function subscriptionOfFact(fact: NewFact, { reading, chains }: Projected): string | null {
  const rowOf = new Map(chains.agreements.map((row) => [row.id, row.subscriptionId]));
  for (const [agreementId, facts] of reading.assignment.byAgreement) {
    if (facts.some(({ id }) => id === fact.id)) return rowOf.get(agreementId) ?? null;
  }
  return null;
}
