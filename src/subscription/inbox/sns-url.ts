/** Partition and region of a topic's ARN. */
const TOPIC = /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-\d{1,2}):/;
const CERTIFICATE_PATH = /^\/SimpleNotificationService-[0-9a-f]{32}\.pem$/;

/**
 * The one host of SNS that signs for a topic: of its own region and partition. A pattern would take more for SNS than is:
 * `sns.s3-us-west-2.amazonaws.com` is anybody's bucket.
 */
function snsHostOf(topicArn: string): string | null {
  const [, partition, region] = TOPIC.exec(topicArn) ?? [];
  if (region === undefined) return null;
  return `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
}

/**
 * URLs stand in messages before anything about a message is proven, so none is called that does not belong to SNS:
 * https, the host of the topic's region, no port, no user name. Where `aws.endpoint` names a simulator, its origin stands
 * in for SNS.
 */
function trustedUrl(
  text: string | undefined,
  topicArn: string,
  endpoint: string | undefined,
): { url: URL; isAws: boolean } | null {
  if (text === undefined || text.length > 2048 || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.hash !== '') return null;
  if (endpoint !== undefined && url.origin === new URL(endpoint).origin) return { url, isAws: false };
  const isSns = url.protocol === 'https:' && url.port === '' && url.hostname === snsHostOf(topicArn);
  return isSns ? { url, isAws: true } : null;
}

/** Where the certificate of a message lies; null if that is not where SNS keeps its certificates. */
export function certificateUrlOf(
  text: string | undefined,
  topicArn: string,
  endpoint: string | undefined,
): { url: URL; isAws: boolean } | null {
  const trusted = trustedUrl(text, topicArn, endpoint);
  return trusted !== null && CERTIFICATE_PATH.test(trusted.url.pathname) && trusted.url.search === '' ? trusted : null;
}

/**
 * What confirms the subscription of `topicArn` when it is called; null for a URL that does something else, or does it
 * elsewhere.
 */
export function subscribeUrlOf(text: string | undefined, topicArn: string, endpoint: string | undefined): URL | null {
  const trusted = trustedUrl(text, topicArn, endpoint);
  if (trusted === null) return null;
  const { searchParams, pathname } = trusted.url;
  const confirms =
    pathname === '/' &&
    searchParams.get('Action') === 'ConfirmSubscription' &&
    searchParams.get('TopicArn') === topicArn;
  return confirms || !trusted.isAws ? trusted.url : null;
}
