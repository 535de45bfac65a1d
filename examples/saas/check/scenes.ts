import { setTimeout as sleep } from 'node:timers/promises';
import { type MarketplaceSimulator, type SubscribeOptions } from 'aws-marketplace-simulator';
import { type Buyer } from '../buyer.js';

const HOUR_MS = 3_600_000;
const POLL_MS = 20;
const TRIAL_HOURS = 30 * 24;

/** Where a scene plays, and who is in it. */
export interface SceneParts {
  buyer: Buyer;
  simulator: MarketplaceSimulator;
  /** Business time. */
  now: () => Date;
  /** The buyer renders nothing while `work` goes on, as somebody who has left. */
  meanwhile: (work: () => Promise<void>) => Promise<void>;
  signal: AbortSignal;
  say: (line: string) => void;
}

export interface Scene {
  company: string;
  /** How the buyer subscribes. */
  terms: (now: Date) => Partial<SubscribeOptions>;
  /** What the module makes of it, once AWS has told all. */
  startsAs: 'trial' | 'active';
  play: (parts: SceneParts) => Promise<void>;
}

/** Resolves when an instant of business time has come. */
async function until(instant: Date, { now, signal }: SceneParts): Promise<void> {
  while (now() < instant) await sleep(POLL_MS, undefined, { signal });
}

const hoursAfter = (instant: Date, hours: number): Date => new Date(instant.getTime() + hours * HOUR_MS);

/** Some way into the hour after an instant's. */
const intoHour = (instant: Date, share: number): Date =>
  new Date((Math.floor(instant.getTime() / HOUR_MS) + 1 + share) * HOUR_MS);

/**
 * What buyers do while they use Larkspur: each scene is the whole of one customer's life, and they go on side by side.
 */
export const SCENES: readonly Scene[] = [
  {
    company: 'Birch & Co',
    terms: () => ({}),
    startsAs: 'active',
    async play(parts) {
      const { buyer, simulator, now, say } = parts;
      await until(hoursAfter(now(), 0.75), parts);
      const { startsAt } = simulator.renew(buyer.agreement, { startsAt: hoursAfter(now(), 2.1) });
      say(`${buyer.company} signs the renewal, two hours before it starts`);
      await until(hoursAfter(startsAt, 0.75), parts);
      say(`${buyer.company} goes on under the renewal`);
    },
  },
  {
    company: 'Alder Press',
    terms: (now) => ({ freeTrial: true, trialEndsAt: hoursAfter(now, TRIAL_HOURS) }),
    startsAs: 'trial',
    async play(parts) {
      const { buyer, simulator, now, say } = parts;
      // Early in an hour: what AWS says to it is known before that hour is sealed.
      await until(intoHour(hoursAfter(now(), 1), 0.1), parts);
      simulator.convertTrial(buyer.agreement);
      say(`${buyer.company} goes from the free trial to paid`);
      await until(hoursAfter(now(), 1.2), parts);
    },
  },
  {
    company: 'Hazel Studio',
    terms: () => ({}),
    startsAs: 'active',
    async play(parts) {
      const { buyer, simulator, now, say } = parts;
      await until(intoHour(hoursAfter(now(), 1), 0.4), parts);
      simulator.replace(buyer.agreement);
      say(`${buyer.company} replaces its agreement in the middle of an hour`);
      await until(hoursAfter(now(), 1.2), parts);
    },
  },
  {
    company: 'Rowan Prints',
    terms: () => ({}),
    startsAs: 'active',
    async play(parts) {
      const { buyer, simulator, now, say, meanwhile } = parts;
      await until(hoursAfter(now(), 1.2), parts);
      await meanwhile(async () => {
        const { endsAt } = simulator.cancel(buyer.agreement);
        say(`${buyer.company} cancels`);
        // Within an hour a return would count from the end on.
        await until(hoursAfter(endsAt ?? now(), 1.5), parts);
        await buyer.comeBack();
        say(`${buyer.company} returns`);
      });
      await until(hoursAfter(now(), 1), parts);
    },
  },
];
