import { type LedgerSql } from '../../database/ledger-database.js';
import { isInstallation, type ResolvedOptions } from '../../options/resolved-options.js';
import { type Subject, type SubjectDirectory, type SubjectName } from '../../subscription/chain/subject-directory.js';
import { type ProductCatalog } from '../../subscription/product-catalog.js';
import { throughOutage } from './recording-outage.js';
import { type RecordResult } from './usage-event.js';
import { type CheckedUsage, EVENTS_PER_CALL_MAX, readUsage } from './usage-reading.js';
import {
  identify,
  isMisplaced,
  type Misplaced,
  type PlacedUsage,
  subjectNameOf,
  undeclaredDimension,
  unknownSubject,
  untaggable,
} from './usage-placement.js';
import { type CodedProblem, refusalOf } from './usage-refusal.js';

/**
 * Lets events into the ledger, or says what is wrong with them. Asks only for what never changes, and from memory as a
 * rule.
 */
export class UsageAdmission {
  private readonly isInstallation: boolean;

  constructor(
    private readonly options: Pick<ResolvedOptions, 'sellerAccount' | 'clock' | 'recording' | 'products'>,
    private readonly directory: SubjectDirectory,
    private readonly products: ProductCatalog,
  ) {
    this.isInstallation = isInstallation(options);
  }

  /**
   * Holds every event against every rule before any of them is written. What is ignored has its answer already.
   * @param ifUnknown of the call; undefined: as the options say.
   * @param host the host's transaction, asked for subjects that only it can see.
   * @throws UsageRefusedError with every problem of every event
   */
  async admit(
    events: readonly unknown[],
    host: LedgerSql | null,
    ifUnknown: 'refuse' | 'ignore' | undefined,
  ): Promise<(PlacedUsage | RecordResult)[]> {
    const problems: CodedProblem[] = [];
    if (events.length > EVENTS_PER_CALL_MAX) {
      const message = `a call takes at most ${EVENTS_PER_CALL_MAX} events; split the array`;
      throw refusalOf([{ code: 'USAGE_INVALID', index: EVENTS_PER_CALL_MAX, field: 'event', message }]);
    }
    const { clock, recording } = this.options;
    const window = { now: clock.now(), ...recording, isInstallation: this.isInstallation };
    const read: CheckedUsage[] = [];
    for (const [index, event] of Array.from(events).entries()) {
      const usage = readUsage(event, index, window, problems);
      if (usage) read.push(usage);
    }
    const ignoresTenants = (ifUnknown ?? recording.unknownTenants) === 'ignore';
    const placed = await this.place(read, host, ignoresTenants);
    const answers = placed.map((answer, position): PlacedUsage | RecordResult | null => {
      if (!('problem' in answer)) return answer;
      const usage = read[position];
      // The option speaks of tenants; an unknown subscription is ignored only where the call says so.
      const isIgnored = ifUnknown === undefined ? answer.problem.code === 'TENANT_UNKNOWN' : answer.isUnknown;
      if (usage && isIgnored && ignoresTenants) return ignored(usage, this.options.sellerAccount);
      problems.push(answer.problem);
      return null;
    });
    if (problems.length > 0) throw refusalOf(problems.sort((a, b) => a.index - b.index));
    return answers.filter((answer) => answer !== null);
  }

  /**
   * Lets one event in whose names are remembered, without a pause: a thousand callers who each wait for nothing at four
   * awaits make a fifth of the cost. Null: `admit` has to ask, or to say what is wrong.
   */
  admitRemembered(event: unknown): PlacedUsage | null {
    const { clock, recording } = this.options;
    const usage = readUsage(event, 0, { now: clock.now(), ...recording, isInstallation: this.isInstallation }, []);
    const name = usage && subjectNameOf(usage, this.products);
    if (!name || isMisplaced(name)) return null;
    const subject = this.directory.remembered(name);
    if (!subject) return null;
    const dimensionId = this.directory.rememberedDimension(subject.productCode, usage.dimension);
    const placed = this.placeAt(usage, name.subscriptionId, subject, dimensionId);
    return 'problem' in placed ? null : placed;
  }

  /**
   * Finds the subject and the dimension of each event, from memory as a rule: then nothing is awaited that takes a
   * round trip.
   */
  private async place(
    usages: readonly CheckedUsage[],
    host: LedgerSql | null,
    ignoresTenants: boolean,
  ): Promise<(PlacedUsage | Misplaced)[]> {
    const named = usages.map((usage) => ({ usage, name: subjectNameOf(usage, this.products) }));
    const subjects = await this.subjectsOf(
      named.flatMap(({ name }) => (isMisplaced(name) ? [] : [name])),
      host,
      ignoresTenants,
    );
    const placed: (PlacedUsage | Misplaced)[] = [];
    let position = 0;
    for (const { usage, name } of named) {
      if (isMisplaced(name)) {
        placed.push(name);
        continue;
      }
      const subject = subjects[position];
      position += 1;
      if (!subject) {
        placed.push(unknownSubject(usage));
        continue;
      }
      const dimensionId =
        this.directory.rememberedDimension(subject.productCode, usage.dimension) ??
        (await this.directory.dimensionOf(subject.productCode, usage.dimension));
      placed.push(this.placeAt(usage, name.subscriptionId, subject, dimensionId));
    }
    return placed;
  }

  /**
   * A miss that finds the database away waits for it like the event itself would; errors of the host's connection are
   * the host's.
   */
  private async subjectsOf(
    names: readonly SubjectName[],
    host: LedgerSql | null,
    ignoresTenants: boolean,
  ): Promise<(Subject | null)[]> {
    const ask = (): Promise<(Subject | null)[]> => this.directory.subjectsOf(names, host, ignoresTenants);
    return host ? ask() : throughOutage(ask, this.options.recording.timeoutMs);
  }

  private placeAt(
    usage: CheckedUsage,
    subscriptionId: string | null,
    { id: subject, productCode }: Subject,
    dimensionId: number | null,
  ): PlacedUsage | Misplaced {
    const product = this.products.get(productCode);
    if (dimensionId === null || !product?.dimensions.includes(usage.dimension))
      return undeclaredDimension(usage, productCode, product);
    if (product.agentCore && usage.tags !== null) return untaggable(usage);
    const { id, idempotencyKey, isMinted } = identify(usage, this.options.sellerAccount);
    const { index, tenantId, dimension, quantity, occurredAt, key, tags, reason, given } = usage;
    // Field by field: to spread one object into another costs more than all the rules together.
    return {
      index,
      tenantId,
      productCode: usage.productCode,
      subscriptionId,
      dimension,
      quantity,
      occurredAt,
      key,
      tags,
      reason,
      given,
      id,
      idempotencyKey,
      isMinted,
      subject,
      dimensionId,
    };
  }
}

function ignored(usage: CheckedUsage, sellerAccount: string): RecordResult {
  const { id, idempotencyKey } = identify(usage, sellerAccount);
  return { eventId: id, idempotencyKey, outcome: 'ignored', subscriptionId: usage.subscriptionId };
}
