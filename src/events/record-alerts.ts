import { type AlertDescription, BY_CAUSE, BY_PERSON, WHEN_ACKNOWLEDGED } from './alert-description.js';

/** Of metering records on their way to AWS, and of what became of them. */
export const RECORD_ALERTS = {
  deadlineNear: {
    severity: ['critical'],
    subject: 'product, dimension and reason, or `waiting`',
    meaning: 'Records are not with AWS yet, and their deadline is less than `deadlineAlertMs` away.',
    cost: 'After the deadline AWS may refuse them; `onExpired` says what becomes of their units.',
    action:
      'Look at the records (`/records`) and at other open alerts: a set-up error, a quarantined cause, an outage ' +
      'of AWS.',
    ends: 'when none of the records waits any more: they were sent, or have ended',
    endsBy: BY_CAUSE,
    events: ['metering.deadlineNear'],
  },
  unanswered: {
    severity: ['critical'],
    subject: 'product and region',
    meaning:
      'Records have been tried for a quarter of an hour, and nothing that came back says what became of them: errors of ' +
      'AWS or of a proxy, pages in place of answers, empty answers, throttling.',
    cost: 'Nothing yet: they are tried again, ever more rarely, until their deadline. After it AWS may refuse them.',
    action:
      'Read the message: it has the last error. A page of HTML, or a status 407 or 413, is one of a proxy or firewall of ' +
      'yours; for others see AWS’s health page.',
    ends: 'when none of the records waits for an answer any more; they are sent by themselves',
    endsBy: BY_CAUSE,
    events: [],
  },
  blocked: {
    severity: ['critical'],
    subject: 'product, dimension and reason',
    meaning:
      'AWS refused records, or answered what nobody understands: an unknown dimension, a broken constraint, an unknown error.',
    cost: 'Their units are not billed. At their deadline they expire.',
    action:
      'Remove the cause that `reason` names. What AWS may take at another time is tried again by itself, one record at a ' +
      'time and ever more rarely; `RecordResolution.requeueAll` has all of a cause tried at once.',
    ends: 'when no record is blocked for that reason any more',
    endsBy: BY_CAUSE,
    events: ['metering.blocked'],
  },
  notSubscribed: {
    severity: ['warning'],
    subject: 'the subscription, or the record where it has none',
    meaning: 'AWS says that the buyer is not subscribed, though the timeline says that the agreement covers the hour.',
    cost: 'The units are not billed while it lasts.',
    action:
      'Wait: AWS is asked, and a message may be under way. If the buyer has left for good, nothing is to be done.',
    ends: 'when AWS takes usage of the subscription again, or when the records end',
    endsBy: BY_CAUSE,
    events: ['metering.blocked'],
  },
  quarantinedCause: {
    severity: ['critical'],
    subject: 'product, scope and what is refused: a product, a dimension or a metering identity',
    meaning:
      'AWS refuses all usage of a product, dimension or buyer. Its records are kept out of the batches of others.',
    cost: 'Its units are not billed while it lasts; others are not held up.',
    action: 'Resolve what AWS complains of: see `reason` and the attempts of its records.',
    ends:
      'when AWS takes a record of it: one is tried every `submission.probeIntervalMs`; or when none of its records is ' +
      'left to be tried: what waits because of it is then sent anew, unless it was refused twice',
    endsBy: BY_CAUSE,
    events: ['metering.blocked', 'metering.deadlineNear'],
  },
  conflict: {
    severity: ['critical'],
    subject: 'the subscription or record, and the dimension',
    meaning: 'AWS has another record for the hour, which none of ours explains.',
    cost: 'One quantity of the hour is billed, and it may be the wrong one.',
    action: 'Find out which quantity AWS has on file, then settle the record with `RecordResolution.settleConflict`.',
    ends: 'when the conflict is settled, or when no record is in conflict any more',
    endsBy: BY_CAUSE,
    events: ['metering.conflict'],
  },
  ledgerMismatch: {
    severity: ['critical'],
    subject: 'the record',
    meaning:
      'The ledger does not bear a record out: the usage in it, its balance or its quantity is another. It was ' +
      'not sent.',
    cost: 'Its units are not billed. At its deadline they are held.',
    action:
      'Rows were changed past the triggers: find them ([I10](SAFETY.md)) and put them back, then ' +
      '`RecordResolution.requeue` the record if it was right, or `annul` it.',
    ends: 'when the record is blocked for that reason no more',
    endsBy: BY_CAUSE,
    events: ['metering.blocked'],
  },
  rollupMismatch: {
    severity: ['critical'],
    subject: 'the rollup',
    meaning:
      'The sum of usage that a record holds is not the sum of its events, or their count, instants or owner ' +
      'differ.',
    cost: 'Its record is not sent as long as it stands; one that is billed already may be wrong.',
    action:
      'Rows were changed past the triggers: find them ([I10](SAFETY.md)) and put them back; compare a billed record ' +
      'with AWS’s bill.',
    ends: 'when the rollup is what its events say again, at the next run of the job `proof`',
    endsBy: BY_CAUSE,
    events: ['metering.blocked'],
  },
  expired: {
    severity: ['warning', 'critical'],
    subject: 'product, dimension and reason',
    meaning: 'Records were not taken by AWS before their deadline, and are known not billed.',
    cost:
      'A warning: the units are planned anew, for a free hour of their own period. Critical: they are held, ' +
      'unbilled.',
    action: 'Where they are held: annul the records to have them planned anew, rebill them, or write them off.',
    ends: 'of a warning, a week after it was raised last; of held records, when none of them is held any more',
    endsBy: ['cause', 'expiry'],
    events: ['metering.expired'],
  },
  unknownOutcome: {
    severity: ['critical'],
    subject: 'product, dimension and reason',
    meaning: 'Records passed their deadline, and no answer tells whether AWS has billed them.',
    cost: 'Their units are billed or not, and are billed by no other record until somebody says which.',
    action: 'Compare with CloudTrail or AWS’s billed reports, and settle each with `RecordResolution.settleUnknown`.',
    ends: 'when none of the records is unknown any more',
    endsBy: BY_CAUSE,
    events: ['metering.unknown'],
  },
  triedElsewhere: {
    severity: ['warning'],
    subject: 'the product',
    meaning:
      'Usage of a container or AMI product was tried from a resource that sends no more, and no answer tells whether ' +
      'AWS has it.',
    cost: 'At the deadline its outcome is unknown, and nothing of it is billed again until somebody settles it.',
    action:
      'Nothing, where that resource comes back (a reboot, a container that restarts in its pod). Else look for the ' +
      'call in CloudTrail of the buyer’s account, and settle each record by `RecordResolution.settleUnknown`.',
    ends: 'when no such record waits any more: the resource is back, or their outcome is unknown',
    endsBy: BY_CAUSE,
    events: [],
  },
  sharedGrain: {
    severity: ['critical'],
    subject: 'the product and the buyer',
    meaning: 'Records under both names of one legacy buyer, in one dimension and hour, were taken by AWS.',
    cost: 'AWS may have billed both, or only one of them: its answers do not tell, and neither is annulled.',
    action:
      'Compare the hours and units that it names with what AWS has on file (CloudTrail, the billing reports); have AWS ' +
      'Marketplace Seller Operations correct what is missing or one too many.',
    ends: 'when its hours are more than 31 days old',
    endsBy: BY_CAUSE,
    events: [],
  },
  billedElsewhere: {
    severity: ['critical'],
    subject: 'the customer',
    meaning: 'Usage was billed under an agreement that, by what is known now, was not in force.',
    cost: 'The units are billed once, but perhaps at another agreement’s price.',
    action: 'If that is wrong, refund it and rebill it under the right agreement.',
    ends: WHEN_ACKNOWLEDGED,
    endsBy: BY_PERSON,
    events: [],
  },
  overBilled: {
    severity: ['critical'],
    subject: 'the record',
    meaning: 'AWS has billed a record that the ledger had closed as not billed; the message says where its units went.',
    cost: 'The buyer may pay for the same units twice.',
    action: 'Compare with AWS’s bill, and refund through AWS Marketplace what is there twice.',
    ends: WHEN_ACKNOWLEDGED,
    endsBy: BY_PERSON,
    events: ['metering.overBilled'],
  },
  auditUnknownUsage: {
    severity: ['critical'],
    subject: 'product and dimension',
    meaning: 'CloudTrail has usage that the ledger does not account for: of no record of ours, or of other units.',
    cost: 'Buyers may be billed by another system too, or by a ledger that was restored.',
    action:
      'Find out who sent it: the event names the caller. Stop the other system, or settle the records concerned; the ' +
      '[report](audit.md) has every hour.',
    ends: WHEN_ACKNOWLEDGED,
    endsBy: BY_PERSON,
    events: [],
  },
  auditDoubleBill: {
    severity: ['critical'],
    subject: 'product and dimension',
    meaning: 'By CloudTrail AWS took one buyer’s hour twice: under two identities, or in two regions.',
    cost: 'Two identities or regions are two bills: the buyer pays twice.',
    action:
      'Stop one of the senders, and refund through AWS Marketplace what is there twice. Nothing is corrected by itself.',
    ends: WHEN_ACKNOWLEDGED,
    endsBy: BY_PERSON,
    events: [],
  },
} as const satisfies Readonly<Record<string, AlertDescription>>;
