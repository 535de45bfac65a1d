import { type MeteringIdentityName, type SpanIdentity } from './timeline.js';

/** The canonical form: the same for two spellings of one name, and what AWS dedupes by beside the product. */
export function identityKey(name: MeteringIdentityName): string {
  switch (name.kind) {
    case 'license':
      return `license:${name.licenseId}`;
    case 'customerIdentifier':
      return `customerIdentifier:${name.customerIdentifier}`;
    case 'account':
      return `account:${name.customerAwsAccountId}`;
    case 'installation':
      return name.kind;
  }
}

/** Whether AWS may take two for one: any name of the one is a name of the other. */
export function isSameIdentity(a: SpanIdentity | null, b: SpanIdentity | null): boolean {
  const names = new Set(namesOf(a));
  return namesOf(b).some((name) => names.has(name));
}

/** All names under which hours count as taken. */
export function namesOf(identity: SpanIdentity | null): string[] {
  if (!identity) return [];
  return [...(identity.identity ? [identity.identity] : []), ...identity.alsoKnownAs].map(identityKey);
}
