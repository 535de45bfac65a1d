import { type Clock } from '../options/clock.js';
import { type Options } from '../options/options.js';

/** Where the module finds the marketplace of its test. */
export interface TestPlace {
  databaseUrl: string;
  awsEndpoint: string;
  clock: Clock;
  sellerAccountId: string;
  /** Comes with every message of AWS. */
  secret: string;
}

/** Machine time stands in for nothing where the simulator holds no quota: then nothing has to wait for it. */
const UNPACED = 1000;

/** What the test says over the host's options: machine time is short, jobs run when the test says so. */
export function optionsAt(place: TestPlace, ofTest: Options = {}): (given: Options | undefined) => Options {
  return (given = {}) => {
    const signUpUrl = given.signUpUrl ?? process.env.MARKETPLACE_SIGN_UP_URL ?? 'http://localhost/sign-up';
    return over(over(over({ ...quick(), signUpUrl }, given), ofTest), placedAt(place));
  };
}

/** Below what the host gives. */
function quick(): Options {
  return {
    registrationsPerMinute: 10_000,
    aws: {
      callsPerSecond: {
        getEntitlements: UNPACED,
        searchAgreements: UNPACED,
        describeAgreement: UNPACED,
        getAgreementTerms: UNPACED,
        lookupEvents: UNPACED,
      },
    },
  };
}

/** Above all others: without it the module would not be in the test, but out in the world. */
function placedAt({ databaseUrl, awsEndpoint, clock, sellerAccountId, secret }: TestPlace): Options {
  return {
    sellerAccount: sellerAccountId,
    migrations: 'run',
    clock,
    jobs: { autoStart: false },
    database: { url: databaseUrl },
    notifications: { sqsQueueUrls: [], eventBridgeSecrets: [secret] },
    aws: {
      endpoint: awsEndpoint,
      credentials: () => Promise.resolve({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }),
    },
    submission: {
      callsPerSecond: UNPACED,
      spreadMs: 0,
      backoffBaseMs: 1,
      backoffCapMs: 5,
      probeIntervalMs: 5,
    },
    handlers: { backoffBaseMs: 1, backoffCapMs: 5 },
  };
}

/** Member by member; lists and objects of a class are taken whole. */
function over<T extends object>(below: T, above: T): T {
  const result = { ...below } as Record<string, unknown>;
  for (const [name, value] of Object.entries(above)) {
    if (value === undefined) continue;
    const under = result[name];
    result[name] = isPlain(value) && isPlain(under) ? over(under, value) : value;
  }
  return result as T;
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
