import { type KeyObject, X509Certificate } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type AwsOptions } from '../../options/aws-options.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { monotonicMs } from '../../runtime/real-time.js';
import { SingleFlight } from '../../runtime/single-flight.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { FetchBudget } from './fetch-budget.js';
import { NotificationRefusedError } from './notification-refusal.js';
import { getFromSns, SnsCallError } from './sns-client.js';
import { certificateUrlOf } from './sns-url.js';

const KEPT_MAX = 16;
const FETCHES_AT_ONCE = 4;
const CERTIFICATE_BYTES_MAX = 32 * 1024;
const KEY_BITS_MIN = 2048;
const SNS_SUBJECT = /^CN=sns\.(?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?$/m;

/**
 * The keys that SNS signs with. SNS renews its certificates under new URLs, so what one URL gave stays true until it
 * runs out. Strangers may name certificates, too: few fetches run at once and in a minute, and few keys are kept. A key
 * that is kept costs no fetch: a flood of names does not keep out what SNS signs.
 */
@Injectable()
export class SnsCertificates {
  private readonly kept = new Map<string, X509Certificate>();
  private readonly fetching = new SingleFlight<X509Certificate>();
  private readonly budget = new FetchBudget();

  constructor(@Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions) {}

  /**
   * @param topicArn whose message it is
   * @throws NotificationRefusedError `SIGNATURE_INVALID`: not a certificate of SNS; `CERTIFICATE_UNAVAILABLE`: ask
   * again
   */
  async keyAt(signingCertUrl: string | undefined, topicArn: string): Promise<KeyObject> {
    const place = certificateUrlOf(signingCertUrl, topicArn, this.options.aws.endpoint);
    if (!place)
      throw new NotificationRefusedError(
        'SIGNATURE_INVALID',
        'SigningCertURL is not where SNS keeps the certificates of this topic’s region',
      );
    const { href } = place.url;
    const certificate = this.kept.get(href) ?? (await this.fetchOnce(place));
    if (place.isAws && !isCurrent(certificate)) {
      this.kept.delete(href);
      throw new NotificationRefusedError('SIGNATURE_INVALID', 'the certificate has run out, or is not valid yet');
    }
    return certificate.publicKey;
  }

  protected nowMs(): number {
    return monotonicMs();
  }

  private fetchOnce(place: { url: URL; isAws: boolean }): Promise<X509Certificate> {
    const { href } = place.url;
    if (!this.fetching.has(href) && this.fetching.size >= FETCHES_AT_ONCE) {
      return Promise.reject(
        new NotificationRefusedError(
          'CERTIFICATE_UNAVAILABLE',
          `${FETCHES_AT_ONCE} certificates are being fetched already`,
        ),
      );
    }
    return this.fetching.share(href, async () => {
      const failure = this.budget.failureOf(href, this.nowMs());
      if (failure !== undefined) throw failure;
      if (!this.budget.take(this.nowMs()))
        throw new NotificationRefusedError('CERTIFICATE_UNAVAILABLE', 'too many certificates were named this minute');
      try {
        return this.keep(href, await fetchCertificate(place, this.options.aws.proxy));
      } catch (error) {
        this.budget.noteFailure(href, error as Error, this.nowMs());
        throw error;
      }
    });
  }

  private keep(href: string, certificate: X509Certificate): X509Certificate {
    const [oldest] = this.kept.keys();
    if (oldest !== undefined && this.kept.size >= KEPT_MAX) this.kept.delete(oldest);
    this.kept.set(href, certificate);
    return certificate;
  }
}

async function fetchCertificate(
  { url, isAws }: { url: URL; isAws: boolean },
  proxy: AwsOptions['proxy'],
): Promise<X509Certificate> {
  const pem = await getFromSns(url, CERTIFICATE_BYTES_MAX, proxy).catch((error: unknown) => {
    if (error instanceof SnsCallError)
      throw new NotificationRefusedError('CERTIFICATE_UNAVAILABLE', error.message, { cause: error });
    throw error;
  });
  const certificate = certificateIn(pem);
  if (!certificate)
    throw new NotificationRefusedError(
      'SIGNATURE_INVALID',
      'what lies at SigningCertURL is no certificate for RSA signatures',
    );
  // The host was proven by TLS already; this is the second look. A simulator's certificate is of its own making.
  if (isAws && (!SNS_SUBJECT.test(certificate.subject) || certificate.issuer === certificate.subject)) {
    throw new NotificationRefusedError('SIGNATURE_INVALID', 'the certificate was not issued to SNS');
  }
  return certificate;
}

function certificateIn(pem: string): X509Certificate | null {
  try {
    const certificate = new X509Certificate(pem);
    const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
    return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= KEY_BITS_MIN
      ? certificate
      : null;
  } catch {
    return null;
  }
}

/**
 * By the wall clock: certificates belong to the real world, as signatures of requests do, whatever time a demo makes of
 * it.
 */
function isCurrent({ validFrom, validTo }: X509Certificate): boolean {
  const now = Date.now();
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}
