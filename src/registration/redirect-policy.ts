import { Inject, Injectable, Logger } from '@nestjs/common';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type RegistrationArrival } from '../options/registration-options.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';

/** Query parameter that carries the registration code to the sign-up page. */
export const CODE_PARAMETER = 'registrationCode';
const HOOK_TIMEOUT_MS = 5000;

/** Where a registered buyer goes: the sign-up page, or wherever among the allowed origins the host's hook says. */
@Injectable()
export class RedirectPolicy {
  private readonly logger = new Logger('MarketplaceRegistration');
  private readonly signUpUrl: string;
  private readonly origins: ReadonlySet<string>;

  constructor(@Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions) {
    // Only products in their buyers' accounts have no sign-up page, and nobody arrives for them.
    this.signUpUrl = options.signUpUrl ?? 'about:blank';
    this.origins = new Set([this.signUpUrl, ...options.allowedRedirectOrigins].map((url) => new URL(url).origin));
  }

  /**
   * Never fails: the buyer is registered, so a hook that throws, hangs or points elsewhere costs its own say, not
   * theirs.
   */
  async urlFor(arrival: RegistrationArrival): Promise<URL> {
    const url = await this.chosen(arrival).catch((error: unknown) => {
      this.logger.error(`resolveRedirect was not followed, the buyer goes to signUpUrl: ${(error as Error).message}`, {
        subscriptionId: arrival.subscriptionId,
        errorCode: error instanceof MarketplaceMeteringError ? error.code : undefined,
      });
      return new URL(this.signUpUrl);
    });
    url.searchParams.set(CODE_PARAMETER, arrival.code);
    return url;
  }

  private async chosen(arrival: RegistrationArrival): Promise<URL> {
    const { signUpUrl } = this;
    const { resolveRedirect } = this.options;
    if (!resolveRedirect) return new URL(signUpUrl);
    const chosen = await inTime(async () => resolveRedirect(arrival));
    // A hook that falls through, or that says `isTrial && '/trial'`, would otherwise send its buyer to /undefined.
    if (isNothing(chosen)) {
      this.logger.warn('resolveRedirect named no URL: the buyer goes to signUpUrl', {
        subscriptionId: arrival.subscriptionId,
      });
      return new URL(signUpUrl);
    }
    if (!isUrl(chosen))
      throw new MarketplaceMeteringError('REDIRECT_REFUSED', 'it returned no text and no URL; return one of the two.');
    const choice = String(chosen);
    const url = URL.canParse(choice, signUpUrl) ? new URL(choice, signUpUrl) : null;
    const isAllowed = url !== null && this.origins.has(url.origin) && url.username === '' && url.password === '';
    if (isAllowed) return url;
    throw new MarketplaceMeteringError(
      'REDIRECT_REFUSED',
      `it returned ${url === null ? 'no URL' : `a URL of ${url.origin}`}; add the origin to allowedRedirectOrigins (MARKETPLACE_ALLOWED_REDIRECT_ORIGINS) if it is yours.`,
    );
  }
}

function isNothing(chosen: unknown): chosen is undefined | null | '' | false {
  return chosen === undefined || chosen === null || chosen === '' || chosen === false;
}

/** A URL of whatever realm. */
function isUrl(chosen: unknown): chosen is string | URL {
  return typeof chosen === 'string' || Object.prototype.toString.call(chosen) === '[object URL]';
}

async function inTime<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${HOOK_TIMEOUT_MS} ms`));
    }, HOOK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
