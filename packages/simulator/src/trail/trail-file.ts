import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type TrailEvent } from './trail-event.js';

/** A file in the bucket of a trail. */
export interface TrailFile {
  /** From the root of the bucket. */
  readonly path: string;
  readonly body: Buffer;
}

/** Which events, and what else lies in the bucket. */
export interface TrailFileOptions {
  /** Default: the seller's own; every account's in the trail of an organisation. */
  accountId?: string;
  region?: string;
  from?: Date;
  to?: Date;
  /** Before `AWSLogs`, without slashes at its ends. Default: none. */
  prefix?: string;
  /** Makes it the trail of an organisation: `o-…`. */
  organizationId?: string;
  /** Trails that write to the bucket: with two of them each event is there twice, in two files. Default 1. */
  trails?: number;
  /** Default 100. */
  eventsPerFile?: number;
  /** Events of other services in each file, among the others. Default 0. */
  foreignEventsPerFile?: number;
  /** Files of digests beside them: valid JSON without Records. Default false. */
  digests?: boolean;
  /** Files of CloudTrail Insights beside them. Default false. */
  insights?: boolean;
  /** So many of the files end in their middle. Default 0. */
  cutOff?: number;
}

/** CloudTrail writes a file every five minutes or so, and names it by the time it did. */
const deliveryMs = 5 * 60_000;

/**
 * The files of what was delivered by now: per trail, account, region and five minutes, in no order inside, one at a
 * time.
 */
export function* trailFiles(events: readonly TrailEvent[], options: TrailFileOptions, now: Date): Generator<TrailFile> {
  const { trails = 1, eventsPerFile = 100, foreignEventsPerFile: foreign = 0 } = options;
  const folders = new Map<string, Folder>();
  for (const event of events) {
    const writtenAt = (Math.floor(event.time.getTime() / deliveryMs) + 1) * deliveryMs;
    if (writtenAt > now.getTime()) continue;
    const { accountId, region } = event;
    const key = `${accountId} ${region} ${writtenAt}`;
    const folder = folders.get(key) ?? { accountId, region, writtenAt: new Date(writtenAt), events: [] };
    folder.events.push(event);
    folders.set(key, folder);
  }
  let cut = options.cutOff ?? 0;
  for (const folder of folders.values()) {
    for (let trail = 0; trail < trails; trail += 1) {
      for (let start = 0; start < folder.events.length; start += eventsPerFile) {
        const part = folder.events.slice(start, start + eventsPerFile);
        const others = Array.from({ length: foreign }, (_, index) => foreignRecord(folder, start + index));
        const body = gzipSync(recordsText([...part.map(({ record }) => record()), ...others].reverse()));
        const path = pathOf('CloudTrail', folder, suffixOf([trail, ...part.map(({ eventId }) => eventId)]), options);
        yield { path, body: cut > 0 ? body.subarray(0, body.length / 2) : body };
        cut -= 1;
      }
    }
    if (options.digests) yield digestOf(folder, options);
    if (options.insights) yield insightOf(folder, options);
  }
}

interface Folder {
  readonly accountId: string;
  readonly region: string;
  readonly writtenAt: Date;
  readonly events: TrailEvent[];
}

function recordsText(records: readonly string[]): string {
  return `{"Records":[${records.join(',')}]}`;
}

function pathOf(
  kind: 'CloudTrail' | 'CloudTrail-Digest' | 'CloudTrail-Insight',
  { accountId, region, writtenAt }: Folder,
  suffix: string,
  { prefix, organizationId }: TrailFileOptions,
): string {
  const [day = '', time = ''] = writtenAt.toISOString().split('T');
  const stamp = `${day.replaceAll('-', '')}T${time.slice(0, 5).replace(':', '')}Z`;
  const folders = [prefix, 'AWSLogs', organizationId, accountId, kind, region, ...day.split('-')];
  const name = `${accountId}_${kind}_${region}_${stamp}_${suffix}.json.gz`;
  return [...folders.filter((folder) => folder !== undefined), name].join('/');
}

/** Sixteen letters and digits, the same for the same content. */
function suffixOf(content: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64').replace(/[+/=]/g, '').slice(0, 16);
}

function digestOf(folder: Folder, options: TrailFileOptions): TrailFile {
  const { accountId, writtenAt } = folder;
  const end = writtenAt.toISOString().replace(/\.\d+/, '');
  const digest = { awsAccountId: accountId, digestStartTime: end, digestEndTime: end, logFiles: [] };
  return {
    path: pathOf('CloudTrail-Digest', folder, 'trail_us-east-1', options),
    body: gzipSync(JSON.stringify(digest)),
  };
}

/** Its records have no requestParameters, and an eventID of their own. */
function insightOf(folder: Folder, options: TrailFileOptions): TrailFile {
  const { accountId, region, writtenAt } = folder;
  const record = {
    eventVersion: '1.08',
    eventTime: writtenAt.toISOString().replace(/\.\d+/, ''),
    awsRegion: region,
    eventID: suffixOf(['insight', accountId, region, writtenAt.getTime()]),
    eventType: 'AwsCloudTrailInsight',
    recipientAccountId: accountId,
    eventCategory: 'Insight',
    insightDetails: {
      state: 'Start',
      eventSource: 'metering-marketplace.amazonaws.com',
      eventName: 'BatchMeterUsage',
      insightType: 'ApiCallRateInsight',
    },
  };
  return {
    path: pathOf('CloudTrail-Insight', folder, suffixOf([record.eventID]), options),
    body: gzipSync(recordsText([JSON.stringify(record)])),
  };
}

function foreignRecord({ accountId, region, writtenAt }: Folder, index: number): string {
  return JSON.stringify({
    eventVersion: '1.08',
    userIdentity: { type: 'AWSService', invokedBy: 'ec2.amazonaws.com' },
    eventTime: new Date(writtenAt.getTime() - 1000).toISOString().replace(/\.\d+/, ''),
    eventSource: 'sts.amazonaws.com',
    eventName: 'AssumeRole',
    awsRegion: region,
    sourceIPAddress: 'ec2.amazonaws.com',
    userAgent: 'ec2.amazonaws.com',
    requestParameters: { roleArn: `arn:aws:iam::${accountId}:role/other`, durationSeconds: 3600 },
    responseElements: { credentials: { accessKeyId: 'ASIAEXAMPLE' }, packedPolicySize: 0 },
    requestID: suffixOf(['request', accountId, writtenAt.getTime(), index]),
    eventID: suffixOf(['foreign', accountId, region, writtenAt.getTime(), index]),
    readOnly: true,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: accountId,
    eventCategory: 'Management',
  });
}
