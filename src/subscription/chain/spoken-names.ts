import { type LedgerSql } from '../../database/ledger-database.js';
import { type LifecycleEvent, type MessageOrigin } from '../inbox/lifecycle-event.js';
import { lockNames } from '../inbox/message.sql.js';
import { type NamedAgreement, selectAgreementsByNames, selectLicensesOf } from './agreement.sql.js';
import { type AgreementNameKind, agreementNamesOf, type AwsName, buyerNamesOf, labelOf } from './aws-names.js';
import { previousOf } from './fact-details.js';

/** Something heard, and how it is told apart from its repeats. */
export interface Heard {
  event: LifecycleEvent;
  origin: MessageOrigin;
  messageId: string;
  /** Business time. */
  heardAt: Date;
  /** One of several parts of what AWS has answered: what they make of the buyer is written after the last. */
  isPart?: boolean;
}

/** Answers of an API: their literals are sent back as they are. */
const FROM_API: ReadonlySet<MessageOrigin> = new Set(['registration', 'reconciliation', 'host']);

/** What a message names, and what of it is known. */
export interface Spoken {
  event: LifecycleEvent;
  productCode: string;
  names: AwsName<AgreementNameKind>[];
  /** The row of the agreement id that it names. */
  byKey: NamedAgreement | null;
  byLicense: NamedAgreement[];
  byPrevious: NamedAgreement | null;
}

/** Finds what of an event's names is known, and holds them all until the transaction ends. */
export class SpokenNames {
  constructor(private readonly sellerAccount: string) {}

  /** Locks everything that the event names. @returns what a message that waits is found by */
  async lock(tx: LedgerSql, heard: Heard, productCode: string | null): Promise<string[]> {
    const labels = this.labelsOf(heard, productCode);
    await lockNames(tx, this.sellerAccount, labels);
    return labels;
  }

  labelsOf({ event, origin }: Heard, productCode: string | null): string[] {
    const names = agreementNamesOf(event.about, FROM_API.has(origin) ? 'api' : 'event');
    const previous = previousOf(event);
    const buyers = productCode === null ? [] : buyerNamesOf(event.about);
    const labels = [...names, ...buyers].map((name) => labelOf(name, productCode));
    if (previous !== null) labels.push(`agreement:${previous}`);
    return labels;
  }

  async read(tx: LedgerSql, { event, origin }: Heard, productCode: string | null): Promise<Spoken> {
    const all = agreementNamesOf(event.about, FROM_API.has(origin) ? 'api' : 'event');
    const previous = previousOf(event);
    const rows = await selectAgreementsByNames(tx, this.sellerAccount, [
      ...all,
      ...(previous === null ? [] : [{ kind: 'agreement' as const, digest: previous }]),
    ]);
    const key = all.find(({ kind }) => kind === 'agreement')?.digest ?? null;
    const held = rows.find(({ kind, digest }) => kind === 'agreement' && digest === key);
    // One agreement may hold several products; its id stays with the row of the product that was first heard of.
    const isElsewhere = held !== undefined && productCode !== null && held.product_code !== productCode;
    const own = (row: NamedAgreement): boolean => productCode === null || row.product_code === productCode;
    return {
      event,
      productCode: productCode ?? '',
      names: isElsewhere ? all.filter(({ kind }) => kind === 'license') : all,
      byKey: isElsewhere ? null : (held ?? null),
      byLicense: rows.filter((row) => row.kind === 'license' && own(row)),
      byPrevious: rows.find((row) => row.kind === 'agreement' && row.digest === previous && own(row)) ?? null,
    };
  }

  /**
   * The agreement is known with licenses, and this is none of them: a trial that became another license under one
   * agreement id.
   */
  async hasOtherLicense(tx: LedgerSql, row: NamedAgreement, spoken: Spoken, license: string): Promise<boolean> {
    if (spoken.byKey === null || spoken.byLicense.some(({ id }) => id === row.id)) return false;
    const known = await selectLicensesOf(tx, this.sellerAccount, row.id);
    return known.length > 0 && !known.includes(license);
  }
}

/**
 * The row that an event speaks of. A license alone: the row that has no agreement id yet takes the one that is named;
 * without one, any.
 */
export function rowOf({ byKey, byLicense, names }: Spoken): NamedAgreement | null {
  if (byKey) return byKey;
  const isKeyed = names.some(({ kind }) => kind === 'agreement');
  if (isKeyed) return byLicense.find(({ is_named: isNamed }) => !isNamed) ?? null;
  return byLicense.at(-1) ?? null;
}
