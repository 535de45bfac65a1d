import { Logger } from '@nestjs/common';
import { type CredentialsProvider } from '../options/aws-options.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { redactedText } from '../runtime/redaction.js';
import { type ProxiedHandler } from './proxied-handler.js';

export type AssumedRole = NonNullable<ResolvedOptions['aws']['assumeRole']>;
type Credentials = Awaited<ReturnType<CredentialsProvider>>;

/** How STS is called. */
export interface StsSettings {
  region: string;
  requestHandler: ProxiedHandler;
  useFipsEndpoint?: boolean;
  useDualstackEndpoint?: boolean;
}

/** The SDK asks again for what ends within five minutes; a little earlier, so that it is never given the same twice. */
const RENEW_BEFORE_END_MS = 6 * 60_000;
/** A session that ends sooner is of no use to a call. */
const USABLE_MS = 30_000;

/**
 * Credentials of the role, assumed through the others in their order.
 * @param base whose credentials assume the first role; undefined for the SDK's default chain
 */
export function roleCredentials(
  { roleArn, through, externalId, sessionName, durationMs }: AssumedRole,
  base: CredentialsProvider | undefined,
  sts: StsSettings,
): CredentialsProvider {
  const onTheWay = through.reduce<CredentialsProvider | undefined>(
    (before, arn) => sessionOf({ roleArn: arn, sessionName, durationMs }, before, sts),
    base,
  );
  return sessionOf({ roleArn, externalId, sessionName, durationMs }, onTheWay, sts);
}

function sessionOf(role: Role, base: CredentialsProvider | undefined, sts: StsSettings): CredentialsProvider {
  const session = new RoleSession(role, base, sts);
  return () => session.credentials();
}

interface Role {
  roleArn: string;
  externalId?: string | undefined;
  sessionName: string;
  durationMs: number;
}

/** One session of a role, shared by all clients, and renewed before it ends. */
class RoleSession {
  private readonly logger = new Logger('MarketplaceCredentials');
  private held: Credentials | null = null;
  private asking: Promise<Credentials> | null = null;
  private assume: (() => Promise<Credentials>) | null = null;

  constructor(
    private readonly role: Role,
    private readonly base: CredentialsProvider | undefined,
    private readonly sts: StsSettings,
  ) {}

  async credentials(): Promise<Credentials> {
    if (this.held && msLeft(this.held) > RENEW_BEFORE_END_MS) return this.held;
    try {
      this.asking ??= this.ask().finally(() => (this.asking = null));
      return (this.held = await this.asking);
    } catch (error) {
      if (!this.held || msLeft(this.held) < USABLE_MS) throw error;
      this.logger.warn(`${redactedText((error as Error).message)} Its session still lasts for a while.`);
      return this.held;
    }
  }

  private async ask(): Promise<Credentials> {
    this.assume ??= await this.provider();
    try {
      return await this.assume();
    } catch (error) {
      throw explained(error, this.role);
    }
  }

  /** Loaded with the first use: most applications assume no role. */
  private async provider(): Promise<() => Promise<Credentials>> {
    const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
    const { roleArn, externalId, sessionName, durationMs } = this.role;
    return fromTemporaryCredentials({
      ...(this.base === undefined ? {} : { masterCredentials: this.base }),
      params: {
        ...{ RoleArn: roleArn, RoleSessionName: sessionName, DurationSeconds: Math.floor(durationMs / 1000) },
        ...(externalId === undefined ? {} : { ExternalId: externalId }),
      },
      clientConfig: { ...this.sts, requestHandler: this.sts.requestHandler as never },
    });
  }
}

function msLeft({ expiration }: Credentials): number {
  return expiration === undefined ? Number.POSITIVE_INFINITY : expiration.getTime() - Date.now();
}

const FIXES: Readonly<Record<string, (role: Role) => string>> = {
  AccessDenied: ({ externalId }) =>
    "The role's trust policy must allow sts:AssumeRole to the identity that asks, and that identity's own policy must " +
    'allow it for the role. ' +
    (externalId === undefined
      ? 'Where the trust policy has a condition on sts:ExternalId, give aws.assumeRole.externalId.'
      : 'aws.assumeRole.externalId must be the sts:ExternalId of the trust policy, to the letter.'),
  ValidationError: ({ durationMs }) =>
    `A session of ${durationMs / 60_000} minutes may be longer than the role allows, or than the one hour that a role ` +
    'has which a role assumes: lower aws.assumeRole.durationMs.',
  RegionDisabledException: () => 'STS is switched off in that region for the account: switch it on in IAM.',
  CredentialsProviderError: () =>
    'There are no credentials to assume it with: give the application a role of its own, or aws.credentials.',
};
const EXPIRED = () => 'The credentials that assume it have run out, or are of no account: renew them.';

/** In place of STS's words, which name neither the option nor what to do. It keeps the name, by which alerts tell them. */
function explained(error: unknown, role: Role): Error {
  const { name, message } = error as Error;
  const isExpired = /^(ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch)/.test(name);
  const fix = isExpired ? EXPIRED : Object.hasOwn(FIXES, name) ? FIXES[name] : undefined;
  const why = role.externalId === undefined ? message : message.replaceAll(role.externalId, '(external id)');
  const text = `The role ${role.roleArn} could not be assumed (${name}: ${why}). ${fix?.(role) ?? ''}`;
  return Object.assign(new Error(text.trim(), { cause: error }), { name });
}
