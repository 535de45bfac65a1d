import { type ApiCall } from '../wire/call-log.js';
import { type JsonObject } from '../wire/input-reader.js';
import { type Switches } from '../switches.js';
import { cut, inTrailForm, withinSize } from './trail-text.js';

/** An event of CloudTrail: what LookupEvents finds it by, and the record [SG23; SKILL/query-patterns]. */
export interface TrailEvent {
  readonly eventId: string;
  readonly eventName: string;
  readonly eventSource: string;
  readonly accessKeyId: string;
  readonly userName: string;
  readonly time: Date;
  /** The account in whose trail it stands: the caller's. */
  readonly accountId: string;
  readonly region: string;
  /** The record, as the JSON text that LookupEvents answers. Written when it is asked for. */
  readonly record: () => string;
}

/** Operations of the metering service. All are writes [service authorization reference]. */
const recorded: readonly string[] = ['ResolveCustomer', 'BatchMeterUsage', 'MeterUsage', 'RegisterUsage'];

const roleId = 'AROASIMULATEDROLE0001';

/**
 * The event of a call, or undefined where there is none: other services, refused signatures, and calls that never
 * reached the operation.
 */
export function trailEventOf(call: ApiCall, switches: Readonly<Switches>): TrailEvent | undefined {
  const { eventId, operation: eventName, at: time, accountId, accessKeyId, region, error } = call;
  if (!recorded.includes(eventName) || accountId === undefined || accessKeyId === undefined || region === undefined)
    return undefined;
  if (!call.effective && !error) return undefined;
  const eventSource = switches.cloudTrailEventSource;
  return {
    ...{ eventId, eventName, eventSource, accessKeyId, time, accountId, region },
    userName: call.callerArn?.split('/').at(-1) ?? '',
    record: () => JSON.stringify(recordOf(call, accountId, switches)),
  };
}

function recordOf(call: ApiCall, accountId: string, switches: Readonly<Switches>): object {
  const { error, request, response } = call;
  const unknown = switches.cloudTrailUnknownMembers === 'added';
  const inside = switches.cloudTrailErrors === 'inside';
  const told = error && { errorCode: cut(error.name), errorMessage: cut(error.message) };
  const answered = inside ? (told ?? null) : null;
  const parameters = withinSize('requestParameters', request ? inTrailForm(request, switches) : null, switches);
  const elements = withinSize('responseElements', error ? answered : inTrailForm(response, switches), switches);
  const omitted = switches.cloudTrailOmittedAs === 'null' && (parameters.omitted || elements.omitted);
  return {
    eventVersion: '1.08',
    userIdentity: userIdentityOf(call, accountId),
    eventTime: inSeconds(call.at),
    eventSource: switches.cloudTrailEventSource,
    eventName: call.operation,
    awsRegion: call.region,
    sourceIPAddress: '127.0.0.1',
    userAgent: cut(call.userAgent),
    ...(!inside && told),
    requestParameters: parameters.content,
    responseElements: elements.content,
    ...(omitted && { omitted }),
    ...(unknown && { additionalEventData: { x: [1, null, {}] }, sharedEventID: call.eventId, meteringClass: null }),
    requestID: call.requestId,
    eventID: call.eventId,
    readOnly: false,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: accountId,
    eventCategory: 'Management',
    ...(unknown && { tlsDetails: { tlsVersion: 'TLSv1.3' } }),
  };
}

/** An IAM user, or the session of a role: that of software is named after the resource it runs on. */
function userIdentityOf({ callerArn = '', accessKeyId = '', at }: ApiCall, accountId: string): JsonObject {
  const [, roleName, session] = /:assumed-role\/([^/]+)\/(.+)$/.exec(callerArn) ?? [];
  if (roleName === undefined || session === undefined) {
    const userName = callerArn.split('/').at(-1) ?? '';
    return { type: 'IAMUser', principalId: accessKeyId, arn: callerArn, accountId, accessKeyId, userName };
  }
  const role = { type: 'Role', principalId: roleId, arn: `arn:aws:iam::${accountId}:role/${roleName}` };
  return {
    type: 'AssumedRole',
    principalId: `${roleId}:${session}`,
    arn: callerArn,
    accountId,
    accessKeyId,
    sessionContext: {
      sessionIssuer: { ...role, accountId, userName: roleName },
      attributes: { creationDate: inSeconds(at), mfaAuthenticated: 'false' },
    },
  };
}

function inSeconds(moment: Date): string {
  return moment.toISOString().replace(/\.\d+/, '');
}
