import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { SingleFlight } from '../../runtime/single-flight.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { monotonicMs } from '../../runtime/real-time.js';
import { ProductCatalog } from '../product-catalog.js';
import { selectDimensions } from '../product.sql.js';
import { MissedNames } from './missed-names.js';

/** A name under which usage is recorded. */
export interface SubjectName {
  /** Null: whichever product the subscription is of. A tenant alone names its product. */
  productCode: string | null;
  tenantId: string | null;
  /** Alone: the subject. Beside a tenant: the payer. In lower case. */
  subscriptionId: string | null;
}

export interface Subject {
  id: number;
  productCode: string;
}

const REMEMBERED_MAX = 100_000;

interface FoundRow {
  position: string;
  id: string;
  product_code: string;
}

// The two shapes in which an index answers; OFFSET 0 keeps each a look-up per name. Text only: the host's connection
// may parse types its own way.
const FIND = `
  SELECT input.position::text AS position, found.id::text AS id, found.product_code
  FROM unnest($2::text[], $3::text[], $4::uuid[]) WITH ORDINALITY AS input (product_code, tenant_id, subscription_id,
    position)
  CROSS JOIN LATERAL (
    SELECT s.id, s.product_code FROM marketplace.subject s
    WHERE input.subscription_id IS NOT NULL AND s.subscription_id = input.subscription_id AND s.seller_account = $1
      AND s.tenant_id IS NOT DISTINCT FROM input.tenant_id AND (input.product_code IS NULL
        OR s.product_code = input.product_code)
    UNION ALL
    SELECT s.id, s.product_code FROM marketplace.subject s
    WHERE input.subscription_id IS NULL AND s.seller_account = $1 AND s.product_code = input.product_code
      AND s.tenant_id = input.tenant_id AND s.subscription_id IS NULL
    OFFSET 0
  ) AS found`;

/**
 * Which subjects and dimensions exist, answered from memory: recording asks at every event. Only what never changes is
 * remembered, and only that it is there: a subject is never deleted, never renamed. A miss asks the database, for a
 * buyer may register the next moment; what only the host's open transaction can see is used and not remembered, for
 * that transaction may be rolled back.
 */
@Injectable()
export class SubjectDirectory {
  private readonly subjects = new Map<string, Subject>();
  private readonly asked = new SingleFlight<Subject | null>();
  private readonly missed = new MissedNames();
  private dimensions = new Map<string, number>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
  ) {}

  /** @param host the host's transaction, asked for what the ledger's own connection does not see. */
  async subjectOf(name: SubjectName, host: LedgerSql | null = null): Promise<Subject | null> {
    const remembered = this.remembered(name);
    if (remembered) return remembered;
    const [found = null] = await this.subjectsOf([name], host);
    return found;
  }

  /**
   * For each name its subject, null where there is none.
   * @param believesMisses a tenant that was unknown within the last second is so still: nobody is asked.
   */
  async subjectsOf(
    names: readonly SubjectName[],
    host: LedgerSql | null = null,
    believesMisses = false,
  ): Promise<(Subject | null)[]> {
    const found = names.map((name) => this.remembered(name));
    const isMissed = believesMisses && !host && names.every((name, at) => found[at] ?? this.missed.has(keyOf(name)));
    if (isMissed) return found;
    const askedAt = monotonicMs();
    const [only] = names;
    if (names.length === 1 && only && found[0] === null) found[0] = await this.askOnce(only);
    else await this.ask(names, found, this.database, true);
    if (host) await this.ask(names, found, host, false);
    if (believesMisses) {
      for (const [at, name] of names.entries())
        if (found[at] === null && name.tenantId !== null) this.missed.add(keyOf(name), name.tenantId, askedAt);
    }
    return found;
  }

  /** A claim for the tenant begins, in whatever transaction: it is asked for anew from now on. */
  expectClaim(tenantId: string): void {
    this.missed.claim(tenantId);
  }

  remembered(name: SubjectName): Subject | null {
    return this.subjects.get(keyOf(name)) ?? null;
  }

  /**
   * The short id of a dimension; null where the ledger has none, though the options may declare it (the catalogue
   * writes them at start).
   */
  async dimensionOf(productCode: string, name: string): Promise<number | null> {
    return this.rememberedDimension(productCode, name) ?? this.askForDimension(productCode, name);
  }

  rememberedDimension(productCode: string, name: string): number | null {
    return this.dimensions.get(`${productCode}\0${name}`) ?? null;
  }

  private async askForDimension(productCode: string, name: string): Promise<number | null> {
    // What no listing declares is never asked for: a typo in a hot loop must not become a query in one.
    if (!this.products.withDimension(name).some((product) => product.productCode === productCode)) return null;
    const rows = await selectDimensions(this.database, this.options.sellerAccount);
    this.dimensions = new Map(rows.map((row) => [`${row.product_code}\0${row.name}`, row.id]));
    return this.rememberedDimension(productCode, name);
  }

  /** Callers who miss the same name at the same time share one question. */
  private askOnce(name: SubjectName): Promise<Subject | null> {
    return this.asked.share(keyOf(name), async () => {
      const found: (Subject | null)[] = [null];
      await this.ask([name], found, this.database, true);
      return found[0] ?? null;
    });
  }

  private async ask(
    names: readonly SubjectName[],
    found: (Subject | null)[],
    sql: LedgerSql,
    remember: boolean,
  ): Promise<void> {
    const asked = new Map<string, SubjectName>();
    for (const [position, name] of names.entries()) if (found[position] === null) asked.set(keyOf(name), name);
    if (asked.size === 0) return;
    const missing = [...asked.values()];
    const rows = await sql.query<FoundRow>(FIND, [
      this.options.sellerAccount,
      missing.map(({ productCode }) => productCode),
      missing.map(({ tenantId }) => tenantId),
      missing.map(({ subscriptionId }) => subscriptionId),
    ]);
    const answers = new Map<string, Subject>();
    for (const row of rows) {
      const name = missing[Number(row.position) - 1];
      if (!name) continue;
      const subject = { id: Number(row.id), productCode: row.product_code };
      answers.set(keyOf(name), subject);
      if (remember) this.remember(keyOf(name), subject);
    }
    for (const [position, name] of names.entries()) found[position] ??= answers.get(keyOf(name)) ?? null;
  }

  private remember(key: string, subject: Subject): void {
    // The oldest goes: one that is used is asked for again at the cost of one read.
    const [oldest] = this.subjects.size >= REMEMBERED_MAX ? this.subjects.keys() : [];
    if (oldest !== undefined) this.subjects.delete(oldest);
    this.subjects.set(key, subject);
  }
}

/** None of the parts can hold a NUL. */
function keyOf({ productCode, tenantId, subscriptionId }: SubjectName): string {
  return `${productCode ?? ''}\0${tenantId ?? ''}\0${subscriptionId ?? ''}`;
}
