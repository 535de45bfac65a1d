import { type Switches } from '../switches.js';

/** Bytes of requestParameters and of responseElements above which their content is left out [CloudTrail user guide]. */
const contentMax = 100_000;
/** Characters of the fields that are cut, not left out. */
const fieldMax = 1024;

type FormSwitches = Pick<
  Switches,
  'cloudTrailAccountId' | 'cloudTrailLicenseArn' | 'cloudTrailTimestamps' | 'cloudTrailUnknownMembers'
>;

export function cut(text: string): string {
  return text.slice(0, fieldMax);
}

/** The content, or what stands in its place where there is too much of it. */
export function withinSize(
  name: 'requestParameters' | 'responseElements',
  content: unknown,
  { cloudTrailOmittedAs }: Pick<Switches, 'cloudTrailOmittedAs'>,
): { readonly content: unknown; readonly omitted: boolean } {
  const originalSize = Buffer.byteLength(JSON.stringify(content));
  if (originalSize <= contentMax) return { content, omitted: false };
  const marker = { omitted: true, originalSize, reason: `${name} too large` };
  return { content: cloudTrailOmittedAs === 'marker' ? marker : null, omitted: true };
}

/** Members in lower camel case, timestamps as text: as CloudTrail writes the metering service's calls. */
export function inTrailForm(value: unknown, switches: FormSwitches): unknown {
  if (Array.isArray(value)) return value.map((item) => inTrailForm(item, switches));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    const written = memberName(name, switches);
    if (written === undefined) return [];
    const isTime = name.endsWith('Timestamp') && typeof member === 'number';
    return [[written, isTime ? timeText(member, switches) : inTrailForm(member, switches)]];
  });
  if (switches.cloudTrailUnknownMembers === 'added') members.push(['usageClass', { tier: 'STANDARD' }]);
  return Object.fromEntries(members);
}

function memberName(name: string, switches: FormSwitches): string | undefined {
  if (name === 'LicenseArn') return switches.cloudTrailLicenseArn;
  if (name !== 'CustomerAWSAccountId') return name.charAt(0).toLowerCase() + name.slice(1);
  return switches.cloudTrailAccountId === 'absent' ? undefined : switches.cloudTrailAccountId;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Epoch seconds as `Apr 19, 2018 4:32:50 PM`, in UTC, or as the switch has it. */
function timeText(seconds: number, { cloudTrailTimestamps: form }: FormSwitches): string | number {
  const date = new Date(seconds * 1000);
  if (form === 'epochSeconds') return seconds;
  if (Number.isNaN(date.getTime())) return String(seconds);
  if (form === 'iso') return date.toISOString().replace(/\.000Z$/, 'Z');
  const hour = date.getUTCHours();
  const two = (part: number): string => String(part).padStart(2, '0');
  const time = `${hour % 12 === 0 ? 12 : hour % 12}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const day = `${months[date.getUTCMonth()] ?? ''} ${date.getUTCDate()}, ${date.getUTCFullYear()}`;
  return `${day}${form === 'comma' ? ', ' : ' '}${time}${form === 'narrowSpace' ? '\u202f' : ' '}${hour < 12 ? 'AM' : 'PM'}`;
}
