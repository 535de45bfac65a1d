import { type ApiCall } from '../wire/call-log.js';
import { type Switches } from '../switches.js';

/** A call as CloudTrail records it [SG23; SKILL/query-patterns]. */
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
  /** The record, as the JSON text that LookupEvents answers. */
  readonly record: string;
}

/** Operations of the metering service. All are writes [service authorization reference]. */
const recorded: readonly string[] = ['ResolveCustomer', 'BatchMeterUsage', 'MeterUsage', 'RegisterUsage'];

const userName = 'simulator';

/**
 * The record of a call, or undefined where there is none: other services, refused signatures, and calls that never
 * reached the operation.
 */
export function trailEventOf(call: ApiCall, switches: Pick<Switches, 'cloudTrailEventSource'>): TrailEvent | undefined {
  const { eventId, operation: eventName, at: time, accountId, accessKeyId, region, response, error } = call;
  if (!recorded.includes(eventName) || accountId === undefined || accessKeyId === undefined || region === undefined)
    return undefined;
  if (!call.effective && !error) return undefined;
  const eventSource = switches.cloudTrailEventSource;
  const record = {
    eventVersion: '1.08',
    userIdentity: {
      type: 'IAMUser',
      principalId: accessKeyId,
      arn: `arn:aws:iam::${accountId}:user/${userName}`,
      accountId,
      accessKeyId,
      userName,
    },
    eventTime: time.toISOString().replace(/\.\d+/, ''),
    eventSource,
    eventName,
    awsRegion: region,
    sourceIPAddress: '127.0.0.1',
    userAgent: call.userAgent,
    ...(error && { errorCode: error.name, errorMessage: error.message }),
    requestParameters: call.request ? inTrailForm(call.request) : null,
    responseElements: error ? null : inTrailForm(response),
    requestID: call.requestId,
    eventID: eventId,
    readOnly: false,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: accountId,
    eventCategory: 'Management',
  };
  return {
    eventId,
    eventName,
    eventSource,
    accessKeyId,
    userName,
    time,
    accountId,
    region,
    record: JSON.stringify(record),
  };
}

/**
 * Members in lower camel case, timestamps in English, without a zone: as CloudTrail writes the metering service's
 * calls.
 */
function inTrailForm(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inTrailForm);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.charAt(0).toLowerCase() + name.slice(1),
      name.endsWith('Timestamp') && typeof member === 'number' ? englishTime(member) : inTrailForm(member),
    ]),
  );
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Epoch seconds as `Apr 19, 2018 4:32:50 PM`, in UTC. */
function englishTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const hour = date.getUTCHours();
  const two = (part: number): string => String(part).padStart(2, '0');
  const time =
    `${hour % 12 === 0 ? 12 : hour % 12}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ` +
    (hour < 12 ? 'AM' : 'PM');
  return `${months[date.getUTCMonth()] ?? ''} ${date.getUTCDate()}, ${date.getUTCFullYear()} ${time}`;
}
