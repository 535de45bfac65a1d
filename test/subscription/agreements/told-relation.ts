/**
 * Several agreements of one buyer as they really run, told as told-late.ts tells a single one: whole seconds of AWS's
 * clock, late, while answers are as of some minutes before and the listener's clock is ahead or behind. What really
 * happened is known here alone; the rules see messages and answers.
 */
import { type AgreementFact, factIdOf } from '../../../src/subscription/agreements/agreement-fact.js';
import { type Telling } from '../../../src/subscription/agreements/subscription-state.js';
import { type SubscriptionTimeline } from '../../../src/subscription/agreements/timeline.js';
import { agreementKeyOf, digestOf, licenseIdOf } from '../../../src/subscription/chain/aws-names.js';
import { type KnownAgreement } from '../../../src/subscription/reconciliation/asked-buyer.js';
import { type Finding } from '../../../src/subscription/reconciliation/buyer-answer.js';
import { type HeldEntitlement } from '../../../src/aws/entitlement-gateway.js';
import { type FoundAgreement } from '../../../src/aws/found-agreement.js';
import { ACCOUNT, AskingListener, type Pace, TICK_MS } from './asking-listener.js';
import { Host, type KnownAgreement as KnownRow, timelineFor } from './relation.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DEPROVISIONED_AFTER_MS = 30 * SECOND_MS;
/** AWS's lists know of what happened after this. */
const ANSWERS_SETTLE_AFTER_MS = 10 * MINUTE_MS;
/** More than anything could be worth asking: the rules ask in a circle. */
const QUESTIONS_MAX = 200;
const MAY_BE_LOST: ReadonlySet<AgreementFact['type']> = new Set([
  ...(['agreement.amended', 'agreement.ended', 'license.deprovisioned'] as const),
  ...(['legacy.unsubscribePending', 'legacy.unsubscribed'] as const),
]);
/** Of what is called off before it begins none comes at its start. */
const STARTS: ReadonlySet<AgreementFact['type']> = new Set([
  ...(['agreement.created', 'license.updated', 'legacy.subscribeSucceeded', 'buyer.registered'] as const),
]);

/** Instants by AWS's clock. */
export interface TrueAgreement {
  key: string;
  signedAt: number;
  startsAt: number;
  /** Infinity: it runs on. */
  endsAt: number;
  endsAs: 'CANCELLED' | 'EXPIRED' | 'RENEWED' | 'REPLACED';
  /** The end that was signed; null: none was. Where that was amended, the one that stands since. */
  plannedAt: number | null;
  /** When the end was amended, and the one that was signed first. */
  amended: { at: number; from: number | null } | null;
  /** The one that it renews or replaces. */
  previous: string | null;
  /** The first of its chain. */
  initial: string;
  license: string;
  /** When its trial would be over; null: paid from its start. */
  trialUntil: number | null;
  /** The trial became paid in this very agreement. */
  convertedAt: number | null;
}

export interface RelationTelling extends Pace {
  conversionBy: 'agreement.amended' | 'license.updated';
  isFlagged: boolean;
  /** EventBridge's events come, too; else a legacy product's topics alone. */
  hasEvents: boolean;
  /** Messages of a legacy product's topics come raw, which tell no time: they are only a reason to ask. */
  isRaw: boolean;
  /** The buyer comes to the landing page so long after a start that continues nothing, or before; null: he does not. */
  arrivesAfter: number | null;
  startBy: 'created' | 'license' | 'both';
  /** Of an agreement that was signed ahead, whether its messages come at the signing or at its start. */
  createdAt: 'signing' | 'start';
  licenseAt: 'signing' | 'start';
  /** Whether Purchase Agreement Ended comes for what was renewed or replaced. */
  tellsFollowed: boolean;
  /** Whether messages name the agreement before, and answers the first of a chain. */
  namesPrevious: boolean;
  namesInitial: boolean;
  isKept: boolean;
  cancelledEnd: 'told' | 'none' | 'signed';
  changeTold: 'all' | 'allButEnd' | 'none';
  /** Whether a message that is no start is lost, by its turn; the first ones again where there are more. */
  losses: readonly boolean[];
  /**
   * A channel partner sells: the Agreement API tells nothing of it, and of `usage` GetEntitlements neither; `refused`:
   * AWS may not be asked at all.
   */
  resold: 'contract' | 'usage' | 'refused' | null;
  /**
   * AWS calls what is renewed RENEWED from its end on, or from the signing of its renewal, when Ended comes, too; or never:
   * then it is EXPIRED.
   */
  renewedFrom: 'end' | 'signing' | 'never';
  /** Whether a message comes again under another id, by its turn. */
  repeats: readonly boolean[];
  questions: readonly { event: number; offset: number }[];
}

interface Message {
  at: number;
  type: AgreementFact['type'];
  agreement: TrueAgreement | null;
  details: object;
}

/** The digest of the agreement's id, by which links name it. */
export function rowOf(key: string): string {
  return digestOf(agreementKeyOf(`agmt-${key}`));
}

const licenseArnOf = (license: string): string => `arn:aws:license-manager::123456789012:license:l-${license}`;

function plannedAsOf({ plannedAt, amended }: TrueAgreement, at: number): number | null {
  return amended !== null && at < amended.at ? amended.from : plannedAt;
}

export class RelationListener extends AskingListener {
  readonly messages: readonly Message[];
  readonly isLost: readonly boolean[];
  /** Agreements of whose trial AWS has told while it was one. */
  readonly trialsTold = new Set<string>();
  /** What hosts have heard, when by AWS's clock, and of which agreement as it was known then. */
  readonly tellings: { at: number; telling: Telling; key: string | undefined }[] = [];
  private readonly hosts = new Map<string, Host>();
  private readonly held = new Map<string, { name: string | null; licenses: Set<string> }>();

  constructor(
    readonly agreements: readonly TrueAgreement[],
    private readonly telling: RelationTelling,
  ) {
    super(telling, QUESTIONS_MAX, telling.resold === 'refused');
    this.messages = agreements.flatMap((agreement) => this.messagesOf(agreement));
    this.isLost = this.messages.map(
      ({ type }, index) => MAY_BE_LOST.has(type) && telling.losses[index % telling.losses.length] === true,
    );
  }

  /** AWS sends a message twice, as two. */
  get repeated(): { message: Message; index: number }[] {
    const { repeats } = this.telling;
    return this.messages
      .map((message, index) => ({ message, index }))
      .filter(({ index }) => this.isLost[index] !== true && repeats[index % repeats.length] === true);
  }

  /** The agreement of a row; a row that a start without a name made has no key. */
  keyOf(id: string): string | undefined {
    const row = this.held.get(id);
    return this.agreements.find(({ key, license }) =>
      row?.name === null ? row.licenses.has(license) : rowOf(key) === row?.name,
    )?.key;
  }

  get boundaries(): number[] {
    return this.agreements
      .flatMap(({ startsAt, endsAt, trialUntil, convertedAt, amended }) => [
        ...[startsAt - HOUR_MS, startsAt, endsAt],
        // Nothing happens then.
        ...(typeof amended?.from === 'number' ? [amended.from] : []),
        // He stands for a start until one is told.
        startsAt + Math.min(0, this.telling.arrivesAfter ?? 0) - HOUR_MS,
        ...(trialUntil === null ? [] : [convertedAt ?? trialUntil]),
      ])
      .filter(Number.isFinite);
  }

  /** Plays all of it, to the last message and the last question. `look` is told each hour when it would be sealed. */
  play(look: (hour: number, now: number, timelines: () => SubscriptionTimeline[]) => void): void {
    const once = this.messages.map((message, index) => ({ message, at: message.at + this.delayOf(index) }));
    const heard = once
      .filter((_, index) => this.isLost[index] !== true)
      .concat(this.repeated.map(({ message, index }) => ({ message, at: message.at + this.delayOf(index + 1) })));
    const last = Math.max(...heard.map(({ at }) => at), ...this.boundaries);
    const first = Math.min(...this.boundaries);
    const drawn = this.telling.questions.map(
      ({ event, offset }) => (this.messages[event % this.messages.length]?.at ?? 0) + offset,
    );
    // Of a flag that says trial AWS is asked before long how long; and again when nothing is heard any more.
    const regular = [
      ...this.agreements.map(({ startsAt }) => startsAt + 20 * MINUTE_MS),
      // Of what was called off before AWS was ever asked about it nobody could tell that it has not run.
      ...this.agreements.flatMap((one) => (one.endsAt <= one.startsAt ? [one.signedAt + 20 * MINUTE_MS] : [])),
      // Of what its message does not tell nobody knows but by asking while the agreement runs.
      ...this.agreements.flatMap(({ convertedAt }) => (convertedAt === null ? [] : [convertedAt + 30 * MINUTE_MS])),
      ...this.agreements.flatMap(({ amended }) => (amended === null ? [] : [amended.at + 30 * MINUTE_MS])),
      ...[last + 3 * HOUR_MS, last + 6 * HOUR_MS],
    ];
    const until = last + 8 * HOUR_MS;
    const heardThen = heard.map(({ message, at }) => ({
      at,
      run: () => {
        this.hear(message, at);
      },
    }));
    const hours = this.hours(first, until, (hour, at) => {
      this.tell(at);
      look(hour, at, () => this.timelines(at));
    });
    this.take([...heardThen, ...this.asksAt([...drawn, ...regular]), ...hours], until);
  }

  hasHeardAllOf(at: number, now: number): boolean {
    const { isLegacy, hasEvents } = this.telling;
    const answeredAfter = ({ type }: Message): number =>
      type === 'message.untimed' ? ANSWERS_SETTLE_AFTER_MS + 2 * TICK_MS : 0;
    // The topics tell of no conversion, nor of what is called off before it begins.
    const untold = ({ startsAt, endsAt, convertedAt }: TrueAgreement): number =>
      endsAt <= startsAt ? endsAt : (convertedAt ?? at);
    const isToldAll = hasEvents || !isLegacy || this.agreements.every((one) => untold(one) >= at);
    return (
      isToldAll &&
      this.messages.every(
        (message, index) =>
          message.at >= at ||
          (this.isLost[index] !== true && message.at + this.delayOf(index) + answeredAfter(message) <= now),
      )
    );
  }

  /** Whether such a message of an agreement was heard before. */
  hasHeard(key: string, ofType: AgreementFact['type'], before: number): boolean {
    return this.messages.some(
      ({ agreement, type, at }, index) =>
        agreement?.key === key && type === ofType && this.isLost[index] !== true && at + this.delayOf(index) < before,
    );
  }

  /** Which agreements are one subscription, by their keys. */
  get chains(): string[][] {
    return [...this.relation().chains.values()].map((chain) => chain.flatMap(({ id }) => this.keyOf(id) ?? []));
  }

  timelines(at: number): SubscriptionTimeline[] {
    const { identity } = this;
    return [...this.relation().chains.values()].map((chain) =>
      timelineFor(chain, this.asking, this.ours(at), { identity }),
    );
  }

  protected override rows(): Record<string, KnownRow> {
    return Object.fromEntries(
      [...this.held].map(([id, { name, licenses }]) => [id, { name, licenses: [...licenses] }]),
    );
  }

  protected override project(at: number): void {
    super.project(at);
    this.tell(at);
  }

  /** The row of an agreement; that of its license, where that alone was known so far. */
  private know({ key, license }: TrueAgreement, tells: { agreement: boolean; license: boolean }): string {
    const name = tells.agreement ? rowOf(key) : null;
    const { aliases } = this.relation().assignment;
    // What turned out to be another row is found as that one.
    const rows = [...this.held].filter(([known]) => !aliases.has(known));
    const [id, row] = rows.find(([, known]) => name !== null && known.name === name) ??
      rows.findLast(
        ([, known]) => tells.license && known.licenses.has(license) && (name === null || known.name === null),
      ) ?? [name ?? `license-${license}`, { name, licenses: new Set<string>() }];
    row.name ??= name;
    if (tells.license) row.licenses.add(license);
    this.held.set(id, row);
    return id;
  }

  private hear({ at, type, details, agreement }: Message, heardAt: number): void {
    const isTimed = type !== 'message.untimed';
    const said = isTimed ? new Date(Math.floor(at / SECOND_MS) * SECOND_MS) : this.ours(heardAt);
    const agreementId =
      agreement === null ? null : this.know(agreement, { agreement: true, license: type.startsWith('license.') });
    const about = { id: factIdOf('told', `${this.facts.length}`, type), type, agreementId, among: null };
    this.facts.push({ ...about, at: said, heardAt: this.ours(heardAt), details } as AgreementFact);
    this.project(heardAt);
  }

  private tell(at: number): void {
    for (const [name, chain] of this.relation().chains) {
      const host = this.hosts.get(name) ?? new Host();
      this.hosts.set(name, host);
      const told = host.tellings.length;
      host.hear(chain, this.asking, this.ours(at));
      const keyOf = (telling: Telling) => ('agreementId' in telling ? this.keyOf(telling.agreementId) : undefined);
      this.tellings.push(...host.tellings.slice(told).map((telling) => ({ at, telling, key: keyOf(telling) })));
    }
  }

  protected override placeOf({ about, details: { terms } }: Finding): string {
    const agreement =
      this.agreements.find(({ key }) => `agmt-${key}` === about.agreementId) ??
      this.agreements.find(({ license }) => licenseArnOf(license) === about.licenseArn)!;
    if ((terms?.trial ?? null) !== null) this.trialsTold.add(agreement.key);
    return this.know(agreement, {
      ...{ agreement: about.agreementId !== undefined, license: about.licenseArn !== undefined },
    });
  }

  /** What was heard under a row that turned out to be another agreement's counts as that one's. */
  protected override known(): KnownAgreement[] {
    const { aliases } = this.relation().assignment;
    const standing = [...this.held].filter(([id]) => !aliases.has(id));
    return standing.map(([id, { name }]) => {
      const same = [...this.held].filter(([other]) => (aliases.get(other) ?? other) === id);
      const ids: (string | null)[] = [null, ...same.map(([other]) => other)];
      const arns = [...new Set(same.flatMap(([, { licenses }]) => [...licenses]))].map(licenseArnOf);
      return {
        ...this.knownBy(this.facts.filter(({ agreementId }) => ids.includes(agreementId))),
        ...{ id, agreementId: name === null ? null : `agmt-${this.keyOf(id)}`, licenseArns: arns },
        agreementDigests: name === null ? [] : [name],
        licenseDigests: arns.map((arn) => digestOf(licenseIdOf(arn))),
      };
    });
  }

  protected override listedAsOf(at: number) {
    const { resold } = this.telling;
    return {
      agreements: resold === null ? this.agreements.flatMap((agreement) => this.foundAsOf(agreement, at)) : [],
      entitlements: resold === 'contract' ? this.entitledAsOf(at) : [],
    };
  }

  private foundAsOf(agreement: TrueAgreement, at: number): FoundAgreement[] {
    const { key, signedAt, startsAt, endsAt, endsAs, initial, license, convertedAt, amended } = agreement;
    const plannedAt = plannedAsOf(agreement, at);
    const { cancelledEnd, changeTold, namesInitial, renewedFrom } = this.telling;
    if (at < signedAt) return [];
    const hasEnded = at >= endsAt;
    const isRenewed =
      endsAs === 'RENEWED' && this.agreements.some((other) => other.previous === key && other.signedAt <= at);
    const isListedAsEnded = hasEnded || (renewedFrom === 'signing' && isRenewed);
    const cancelled = { told: endsAt, none: null, signed: plannedAt }[cancelledEnd];
    const endTime = !hasEnded ? plannedAt : endsAs === 'CANCELLED' ? cancelled : endsAt;
    const isCounted = changeTold === 'all' || endsAs === 'RENEWED' || endsAs === 'REPLACED';
    const changed = [convertedAt ?? signedAt, amended?.at ?? signedAt];
    const changes = [signedAt, ...changed, ...(isCounted ? [endsAt] : [])].filter((one) => one <= at);
    return [
      {
        ...{ agreementId: `agmt-${key}`, status: isListedAsEnded ? this.calledAs(agreement) : 'ACTIVE' },
        startTime: new Date(startsAt),
        endTime: endTime === null ? null : new Date(endTime),
        lastUpdateTime: changeTold === 'none' ? null : new Date(Math.max(...changes)),
        initialAgreementId: `agmt-${namesInitial ? initial : key}`,
        ...{ customerAwsAccountId: ACCOUNT, offerId: null, productIds: [], licenseArns: [licenseArnOf(license)] },
      },
    ];
  }

  private calledAs({ endsAs }: TrueAgreement): TrueAgreement['endsAs'] {
    return endsAs === 'RENEWED' && this.telling.renewedFrom === 'never' ? 'EXPIRED' : endsAs;
  }

  private entitledAsOf(at: number): HeldEntitlement[] {
    const held = this.agreements.filter(
      ({ signedAt, startsAt, endsAt }) => Math.max(signedAt, startsAt) <= at && at < endsAt,
    );
    return held.map((agreement) => {
      const plannedAt = plannedAsOf(agreement, at);
      return {
        ...{ dimension: 'seats', value: 5, licenseArn: licenseArnOf(agreement.license), customerAwsAccountId: ACCOUNT },
        expiresAt: plannedAt === null ? null : new Date(plannedAt),
      };
    });
  }

  protected override trialAsOf(agreementId: string, at: number): { until: string } | null {
    const agreement = this.agreements.find(({ key }) => `agmt-${key}` === agreementId);
    if (typeof agreement?.trialUntil !== 'number') return null;
    const { trialUntil, convertedAt, endsAt } = agreement;
    const until = convertedAt ?? trialUntil;
    const overAt = Math.min(until, endsAt);
    if (at < overAt || overAt < until) return { until: new Date(trialUntil).toISOString() };
    return this.telling.isKept ? { until: new Date(until).toISOString() } : null;
  }

  private messagesOf(agreement: TrueAgreement): Message[] {
    const { signedAt, startsAt, endsAt, endsAs, plannedAt, previous, trialUntil, convertedAt, key, amended } =
      agreement;
    const { isLegacy, startBy, createdAt, licenseAt, conversionBy, isFlagged, tellsFollowed } = this.telling;
    const { hasEvents, isRaw, arrivesAfter } = this.telling;
    const iso = (at: number | null): string | null =>
      at === null ? null : new Date(Math.floor(at / SECOND_MS) * SECOND_MS).toISOString();
    const one = (at: number, type: Message['type'], details: object = {}): Message => {
      return {
        at,
        type,
        details: { offerId: null, ...details },
        agreement: type.startsWith('legacy.') || type === 'buyer.registered' ? null : agreement,
      };
    };
    const started = Math.max(signedAt, startsAt);
    const created = {
      ...{ intent: 'NEW', status: 'ACTIVE', startTime: iso(startsAt) },
      endTime: iso(amended === null ? plannedAt : amended.from),
      previousDigest: this.telling.namesPrevious && previous !== null ? rowOf(previous) : null,
    };
    const goesOn = this.agreements.some(
      (other) =>
        other.key !== key &&
        other.license === agreement.license &&
        (other.startsAt >= startsAt ? other.endsAt > other.startsAt : endsAt <= startsAt),
    );
    const isFollowed = endsAs === 'RENEWED' || endsAs === 'REPLACED';
    const renewal = this.agreements.find((other) => other.previous === key && other.endsAt > other.startsAt);
    const isCalledAhead = endsAs === 'RENEWED' && this.telling.renewedFrom === 'signing';
    const endedAt = isCalledAhead ? Math.min(endsAt, renewal?.signedAt ?? endsAt) : endsAt;
    const status = this.calledAs(agreement);
    const ends = !Number.isFinite(endsAt)
      ? []
      : [
          ...(isFollowed && !tellsFollowed ? [] : [one(endedAt, 'agreement.ended', { status, endTime: null })]),
          ...(goesOn ? [] : [one(endsAt + DEPROVISIONED_AFTER_MS, 'license.deprovisioned')]),
          ...(isLegacy && !isFollowed && endsAt > startsAt
            ? [one(endsAt, 'legacy.unsubscribePending'), one(endsAt + HOUR_MS, 'legacy.unsubscribed')]
            : []),
        ];
    const arrivedAt = arrivesAfter === null ? Infinity : startsAt + arrivesAfter;
    const messages = [
      ...(startBy === 'license'
        ? []
        : [one(createdAt === 'signing' ? signedAt : started, 'agreement.created', created)]),
      ...(startBy === 'created' ? [] : [one(licenseAt === 'signing' ? signedAt : started, 'license.updated')]),
      ...(isLegacy
        ? [one(started, 'legacy.subscribeSucceeded', { isFreeTrial: isFlagged ? trialUntil !== null : null })]
        : []),
      ...(previous === null && arrivedAt < endsAt ? [one(arrivedAt, 'buyer.registered')] : []),
      ...(convertedAt === null
        ? []
        : [one(convertedAt, conversionBy, { intent: 'AMEND', status: 'ACTIVE', endTime: null })]),
      ...(amended === null
        ? []
        : [one(amended.at, 'agreement.amended', { intent: 'AMEND', status: 'ACTIVE', endTime: iso(plannedAt) })]),
      ...ends,
    ];
    const begun = messages.filter(({ at, type }) => at < endsAt || !STARTS.has(type));
    const own = hasEvents || !isLegacy ? begun : begun.filter(({ agreement: named }) => named === null);
    return own.map((message) =>
      isRaw && message.type.startsWith('legacy.')
        ? { ...message, type: 'message.untimed', details: { said: message.type } }
        : message,
    );
  }
}
