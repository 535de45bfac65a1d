const SNS_HOST = /^sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?$/;
const CERTIFICATE_PATH = /^\/SimpleNotificationService-[0-9a-f]{32}\.pem$/;

/**
 * URLs stand in messages before anything about a message is proven, so none is called that does not belong to SNS:
 * https, its hosts, no port, no user name. Where `aws.endpoint` names a simulator, its origin stands in for SNS.
 */
function trustedUrl(text: string | undefined, endpoint: string | undefined): { url: URL; isAws: boolean } | null {
  if (text === undefined || text.length > 2048 || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.hash !== '') return null;
  if (endpoint !== undefined && url.origin === new URL(endpoint).origin) return { url, isAws: false };
  return url.protocol === 'https:' && url.port === '' && SNS_HOST.test(url.hostname) ? { url, isAws: true } : null;
}

/** Where the certificate of a message lies; null if that is not where SNS keeps its certificates. */
export function certificateUrlOf(
  text: string | undefined,
  endpoint: string | undefined,
): { url: URL; isAws: boolean } | null {
  const trusted = trustedUrl(text, endpoint);
  return trusted !== null && CERTIFICATE_PATH.test(trusted.url.pathname) && trusted.url.search === '' ? trusted : null;
}

/**
 * What confirms the subscription of `topicArn` when it is called; null for a URL that does something else, or does it
 * elsewhere.
 */
export function subscribeUrlOf(text: string | undefined, topicArn: string, endpoint: string | undefined): URL | null {
  const trusted = trustedUrl(text, endpoint);
  if (trusted === null) return null;
  const { searchParams, pathname } = trusted.url;
  const confirms =
    pathname === '/' &&
    searchParams.get('Action') === 'ConfirmSubscription' &&
    searchParams.get('TopicArn') === topicArn;
  return confirms || !trusted.isAws ? trusted.url : null;
}
