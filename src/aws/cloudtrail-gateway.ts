import { Injectable } from '@nestjs/common';
import { AwsClients } from './aws-clients.js';
import { type CallFailure } from './aws-error.js';
import { CallPermission } from './call-permission.js';
import { PacedCalls, type Patience } from './paced-calls.js';

/** us-east-1 was seen to take up to 35 seconds for an answer. Milliseconds. */
const TIMEOUT_MS = 60_000;
/** AWS's default and maximum. */
const PAGE_SIZE = 50;

/** One page of one operation's calls in one region, newest first. */
export interface EventLookup {
  region: string;
  operation: 'BatchMeterUsage' | 'MeterUsage';
  /** Whole seconds, both included. */
  from: Date;
  to: Date;
  /** Of the page before, with the same of all else. */
  nextToken: string | null;
}

/** An event as it was found: its text is CloudTrail's record, JSON. */
export interface FoundEvent {
  eventId: string | null;
  at: Date | null;
  text: string;
}

/**
 * `denied`: we may not look events up there. `expired`: the token is no longer taken; what is left must be asked for
 * anew.
 */
export type EventPage =
  | { kind: 'answered'; events: FoundEvent[]; nextToken: string | null }
  | { kind: 'denied' }
  | { kind: 'expired' }
  | { kind: 'failed'; failure: CallFailure };

/**
 * CloudTrail's LookupEvents: management events of the caller's account of the last 90 days. Needs
 * `cloudtrail:LookupEvents`, which not everybody grants: denied is an answer like any other. Never throws for what AWS
 * does.
 */
@Injectable()
export class CloudTrailGateway {
  constructor(
    private readonly clients: AwsClients,
    private readonly calls: PacedCalls,
    private readonly permission: CallPermission,
  ) {}

  async lookup({ region, operation, from, to, nextToken }: EventLookup, patience: Patience = {}): Promise<EventPage> {
    if (await this.permission.isDenied(region, 'LookupEvents')) return { kind: 'denied' };
    const request = {
      LookupAttributes: [{ AttributeKey: 'EventName' as const, AttributeValue: operation }],
      StartTime: from,
      EndTime: to,
      MaxResults: PAGE_SIZE,
      ...(nextToken === null ? {} : { NextToken: nextToken }),
    };
    const answer = await this.calls.ask(
      'LookupEvents',
      region,
      async (leave, abortSignal) => {
        const { LookupEventsCommand } = await import('@aws-sdk/client-cloudtrail');
        const command = new LookupEventsCommand(request);
        leave(command);
        return (await this.clients.trail(region)).send(command, { abortSignal });
      },
      { timeoutMs: TIMEOUT_MS, ...patience },
    );
    if (answer.kind === 'failed') {
      if (answer.failure.code === 'InvalidNextTokenException') return { kind: 'expired' };
      return (await this.permission.note(region, 'LookupEvents', answer.failure)) ? { kind: 'denied' } : answer;
    }
    await this.permission.note(region, 'LookupEvents', null);
    const { Events: events = [], NextToken: next = '' } = answer.output;
    return {
      kind: 'answered',
      events: events.map((event) => ({
        eventId: event.EventId ?? null,
        at: event.EventTime ?? null,
        text: event.CloudTrailEvent ?? '',
      })),
      nextToken: next === '' ? null : next,
    };
  }

  isDenied(region: string): Promise<boolean> {
    return this.permission.isDenied(region, 'LookupEvents');
  }
}
