import { type AlertDescription, BY_CAUSE } from './alert-description.js';

/** Of usage that has no record yet, or none for good. */
export const USAGE_ALERTS = {
  usageWaiting: {
    severity: ['warning', 'critical'],
    subject: 'the customer and the reason, or the unknown subject',
    meaning: 'Usage has been waiting for longer than it should: no rule can say yet who pays for it.',
    cost: 'It is not billed meanwhile. AWS takes no hour for ever: what waits too long is held.',
    action:
      'The message says what the reason asks for: choose a payer, claim the subscription, ask the buyer to return.',
    ends: 'when none of it waits for that reason any more',
    endsBy: BY_CAUSE,
    events: [],
  },
  usageHeld: {
    severity: ['warning', 'critical'],
    subject: 'the record that holds the units',
    meaning: 'Units are held and not billed; the message gives the reason. Critical from one whole unit.',
    cost: 'The units are not billed until somebody decides.',
    action: 'Bill the record under an agreement that runs (`RecordResolution.rebill`), or give it up (`writeOff`).',
    ends: 'when its units are held no more: planned anew, rebilled or written off',
    endsBy: BY_CAUSE,
    events: ['metering.closed'],
  },
  usageUnregistered: {
    severity: ['warning', 'critical'],
    subject: 'the product',
    meaning: 'A container goes on without having registered, because `registerUsage.failOpen` says so.',
    cost: 'AWS does not guarantee to bill the hours that the message names if it never registers in time.',
    action: 'Let the container reach the metering endpoint that the message names; it goes on trying by itself.',
    ends: 'when the container has registered',
    endsBy: BY_CAUSE,
    events: [],
  },
  owed: {
    severity: ['critical'],
    subject: 'the record',
    meaning: 'An agreement has ended with more corrections than billed units left to set them off against.',
    cost: 'The buyer has paid too much, and metering cannot give it back.',
    action: 'Refund the units through AWS Marketplace, then `RecordResolution.writeOff` the record.',
    ends: 'when the record is written off',
    endsBy: BY_CAUSE,
    events: ['metering.closed'],
  },
  sealSkipped: {
    severity: ['critical'],
    subject: 'the customer',
    meaning: 'The usage of one customer cannot be sealed; that of all others is.',
    cost: 'The customer’s usage is not billed meanwhile, and hours pass their deadlines.',
    action: 'Read the message. It is a defect of the module, or a ledger that was changed by hand: report it.',
    ends: 'when the customer is sealed again; the seal job tries by itself',
    endsBy: BY_CAUSE,
    events: [],
  },
  allocationsTrimmed: {
    severity: ['warning'],
    subject: 'the customer and the dimension',
    meaning: 'A record had more tags than AWS takes: five keys, and 2,500 allocations.',
    cost: 'None: all units are billed, some without their tags.',
    action: 'Record with fewer distinct tags, if the buyer needs them on the bill.',
    ends: 'a week after it was raised last',
    endsBy: ['expiry'],
    events: [],
  },
  includedStale: {
    severity: ['warning'],
    subject: 'the customer',
    meaning:
      'Hours of a contract were sealed with an earlier answer of AWS, because GetEntitlements could not be asked since ' +
      'and they could wait no longer.',
    cost:
      'Nothing where the contract is as it was. Units that the buyer bought meanwhile count once AWS is heard: what was ' +
      'billed of them is set off against later usage, or owed at the end.',
    action: 'See why GetEntitlements cannot be asked (credentials, permission, network); there is nothing else to do.',
    ends: 'when an hour of the customer is sealed with an answer that was given since',
    endsBy: BY_CAUSE,
    events: [],
  },
  keyConflict: {
    severity: ['critical'],
    subject: 'the subscription',
    meaning: 'Two subscriptions became one, and different usage had been recorded under one key in both.',
    cost: 'The second use of each key is held and not billed.',
    action: 'Write each off, or rebill it.',
    ends: 'when none of that usage is held any more',
    endsBy: BY_CAUSE,
    events: [],
  },
} as const satisfies Readonly<Record<string, AlertDescription>>;
