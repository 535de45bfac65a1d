import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Agreement } from 'aws-marketplace-simulator';
import { QueueIntake } from '../../src/index.js';
import { LedgerHarness, PRODUCT_CODE } from '../support/ledger-harness.js';
import { replicaOptions } from '../support/replica-options.js';
import { SECRETS } from './notification-host.js';
import { SqsEmulator } from './sqs-emulator.js';

// The whole way, as AWS goes it: the simulator sends, over HTTP and SQS, signed and sealed; the module listens.

const SELLER = '123456789012';
const LEGACY = 'legacy-larkspur';
const PATH = '/marketplace/notifications';
let harness: LedgerHarness;
let sqs: SqsEmulator;

beforeAll(async () => {
  sqs = await SqsEmulator.start();
  const { products = [] } = replicaOptions({ databaseUrl: '', awsEndpoint: '', clock: { now: () => new Date() } });
  harness = await LedgerHarness.start({
    simulator: { sellerAccountId: SELLER },
    options: {
      sellerAccount: SELLER,
      products: [
        ...products,
        { productCode: LEGACY, dimensions: ['requests'], identity: 'legacy', zeroRecords: 'off' },
      ],
      notifications: {
        eventBridgeSecrets: SECRETS,
        snsTopicArns: [`arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${LEGACY}`],
        sqsQueueUrls: [sqs.queue().url],
        sqsEndpoint: sqs.endpoint,
      },
    },
  });
  harness.simulator.createProduct({ productCode: LEGACY, dimensions: ['requests'], identity: 'legacy' });
});
afterEach(async () => {
  for (const target of harness.simulator.notifications.targets())
    harness.simulator.notifications.removeTarget(target.id);
  await harness.expectConserved();
});
afterAll(async () => {
  await harness.stop();
  await sqs.stop();
});

async function lifeOf(productCode: string, hear: () => Promise<void>): Promise<string[]> {
  const agreement: Agreement = harness.simulator.subscribe({ productCode });
  const id = await harness.register(agreement);
  const stateNow = async (): Promise<string> => {
    harness.advance(0.1);
    await harness.simulator.notifications.settled();
    await hear();
    await harness.run('inbox');
    return (await harness.subscriptions.get(id))?.state ?? '';
  };
  const begun = await stateNow();
  harness.simulator.cancel(agreement);
  return [begun, await stateNow()];
}

const nothing = (): Promise<void> => Promise.resolve();

describe('what the simulator sends', () => {
  it('as an API destination of EventBridge tells the life of a licensed subscription', async () => {
    const { notifications } = harness.simulator;
    const url = `${await harness.app.getUrl()}${PATH}`;
    notifications.addTarget({ kind: 'apiDestination', url, headers: { 'x-marketplace-secret': SECRETS[1]! } });
    expect(await lifeOf(PRODUCT_CODE, nothing)).toEqual(['active', 'ending']);
    expect(notifications.deliveries().every(({ outcome }) => outcome === 'delivered')).toBe(true);
  });

  it('as an API destination with another secret is refused, and never tried again', async () => {
    const { notifications } = harness.simulator;
    const url = `${await harness.app.getUrl()}${PATH}`;
    const before = notifications.deliveries().length;
    notifications.addTarget({ kind: 'apiDestination', url, headers: { 'x-marketplace-secret': 'of somebody else' } });
    expect(await lifeOf(PRODUCT_CODE, nothing)).toEqual(['registered', 'registered']);
    const attempts = notifications.deliveries().slice(before);
    expect(new Set(attempts.map(({ outcome }) => outcome))).toEqual(new Set(['refused']));
    expect(notifications.waiting()).toEqual([]);
  });

  it.each(['1', '2'] as const)(
    'over SNS, signed by version %s, is confirmed and tells the life of a legacy subscription',
    async (snsSignatureVersion) => {
      const { notifications } = harness.simulator;
      harness.simulator.setSwitches({ snsSignatureVersion });
      const url = `${await harness.app.getUrl()}${PATH}`;
      notifications.addTarget({ kind: 'snsHttp', url, productCode: LEGACY, topic: 'subscriptionTopic' });
      await notifications.settled();
      expect(notifications.targets()).toMatchObject([{ confirmed: true }]);
      expect(await lifeOf(LEGACY, nothing)).toEqual(['active', 'ending']);
    },
  );

  it.each([
    ['events', PRODUCT_CODE, {}],
    ['messages of a topic', LEGACY, { topic: 'subscriptionTopic', productCode: LEGACY }],
    ['raw messages of a topic', LEGACY, { topic: 'subscriptionTopic', productCode: LEGACY, raw: true }],
  ] as const)('to a queue, %s, tells the life of a subscription', async (_, productCode, what) => {
    const { notifications } = harness.simulator;
    const [queueUrl = ''] = sqs.queueUrls;
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' };
    notifications.addTarget({ kind: 'sqs', queueUrl, endpoint: sqs.endpoint, credentials, ...what });
    const hear = async (): Promise<void> => {
      await harness.app.get(QueueIntake).receiveOnce();
      // What tells no time is a reason to ask, and nothing else; what starts is told when AWS has told its terms.
      await harness.run('inbox', 'reconcile');
    };
    expect(await lifeOf(productCode, hear)).toEqual(['active', 'ending']);
  });
});
