/** What the hook that decides the redirect is told about a buyer who has just arrived. */
export interface RegistrationArrival {
  subscriptionId: string;
  productCode: string;
  /** The single-use registration code that the redirect carries to the sign-up page. */
  code: string;
  /** `free-trial`, or undefined. */
  offerType?: string;
  /** The tenant that an earlier claim linked, or null for a buyer who is new. */
  tenantId: string | null;
}

/** How a buyer who arrives from AWS Marketplace reaches your application. */
export interface RegistrationOptions {
  /**
   * Page of your application to which a buyer is sent with `?registrationCode=…`.
   *
   * @range an absolute http(s) URL without user name or password
   * @defaultValue required
   * @environment MARKETPLACE_SIGN_UP_URL
   */
  signUpUrl?: string | undefined;
  /**
   * Further origins to which `resolveRedirect` may send a buyer, besides that of `signUpUrl`. Any other is refused.
   *
   * Name the other origins of your own applications; a foreign one would be given registration codes.
   *
   * @range absolute http(s) URLs; comma-separated in the variable
   * @defaultValue none
   * @environment MARKETPLACE_ALLOWED_REDIRECT_ORIGINS
   */
  allowedRedirectOrigins?: string[] | undefined;
  /**
   * Decides where an arriving buyer goes.
   *
   * Give it where products, offers or known tenants have pages of their own.
   *
   * @range a function; what it returns must lie at the origin of `signUpUrl` or one of `allowedRedirectOrigins`; nothing
   * means `signUpUrl`
   * @defaultValue none: `signUpUrl`
   * @environment none
   */
  resolveRedirect?:
    | ((arrival: RegistrationArrival) => string | URL | null | undefined | Promise<string | URL | null | undefined>)
    | undefined;
  /**
   * Life of a registration code, from the buyer's arrival.
   *
   * Raise it where signing up takes people longer, for example because somebody has to approve it.
   *
   * @unit ms
   * @range 60,000 (1 min) to 86,400,000 (24 h)
   * @defaultValue 3,600,000 (1 h)
   * @environment MARKETPLACE_CODE_TTL_MS
   */
  codeTtlMs?: number | undefined;
  /**
   * Whether a registration code can be claimed only from the browser that brought the token from AWS, by a cookie that
   * the landing page sets.
   *
   * Give `none` where landing page and sign-up page share no domain: whoever has a code's URL may then claim it.
   *
   * @range `browser` or `none`
   * @defaultValue `browser`
   * @environment MARKETPLACE_CODE_BINDING
   */
  codeBinding?: 'browser' | 'none' | undefined;
  /**
   * Domain of the cookie that binds a code to its browser.
   *
   * Give the domain that both share where the landing page has another host than what claims, such as `example.com` for
   * `api.example.com` and `app.example.com`. All hosts of that domain are then shown the cookie, and could plant one.
   *
   * @range a domain to which the host of `signUpUrl` belongs
   * @defaultValue none: the host of the landing page alone
   * @environment MARKETPLACE_CODE_COOKIE_DOMAIN
   */
  codeCookieDomain?: string | undefined;
  /**
   * Tokens that are no buyer's which one client may bring in a minute, in each process. More are answered with 429.
   * Buyers whom AWS knows are not counted.
   *
   * Lower it where strangers make up tokens.
   *
   * @unit requests per minute
   * @range 1 to 10,000
   * @defaultValue 30
   * @environment MARKETPLACE_REGISTRATIONS_PER_MINUTE
   */
  registrationsPerMinute?: number | undefined;
  /**
   * How long an arriving buyer waits while AWS throttles ResolveCustomer, before a page asks to come again.
   *
   * Lower it where a proxy in front gives up sooner.
   *
   * @unit ms
   * @range 0 to 60,000 (1 min)
   * @defaultValue 20,000 (20 s)
   * @environment MARKETPLACE_RESOLVE_PATIENCE_MS
   */
  resolvePatienceMs?: number | undefined;
  /** Whom the landing page's error pages name. */
  support?: SupportOptions | undefined;
}

/** Whom the landing page's error pages name. */
export interface SupportOptions {
  /**
   * Address that the landing page's error pages show.
   *
   * Give it where buyers may write to you.
   *
   * @range an e-mail address
   * @defaultValue none
   * @environment MARKETPLACE_SUPPORT_EMAIL
   */
  email?: string | undefined;
  /**
   * Page to which the landing page's error pages link.
   *
   * Give it where buyers find help on a page.
   *
   * @range an absolute http(s) URL without user name or password
   * @defaultValue none
   * @environment MARKETPLACE_SUPPORT_URL
   */
  url?: string | undefined;
}
