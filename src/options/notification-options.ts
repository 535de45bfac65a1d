/**
 * How AWS's lifecycle messages come in. As soon as any way in is set, a subscription whose buyer has arrived waits for
 * AWS's word that it has begun.
 */
export interface NotificationOptions {
  /**
   * SQS queues that bring lifecycle messages.
   *
   * Give it where EventBridge and SNS fill a queue of yours: what comes while the application is down is not lost.
   *
   * @range absolute http(s) URLs; comma-separated in the variable
   * @defaultValue none
   * @environment MARKETPLACE_SQS_QUEUE_URLS
   */
  sqsQueueUrls?: string[] | undefined;
  /**
   * Another endpoint for the queues; `aws.endpoint` does not apply to them.
   *
   * Give it for an emulator, or for a VPC endpoint without private DNS.
   *
   * @range an absolute http(s) URL without user name or password
   * @defaultValue none: that of SQS
   * @environment MARKETPLACE_SQS_ENDPOINT
   */
  sqsEndpoint?: string | undefined;
  /**
   * SNS topics whose messages are taken over HTTPS. Where set, messages of other topics are not taken from queues
   * either.
   *
   * Give it where SNS posts to the endpoint, and to shut out other topics.
   *
   * @range ARNs of topics; comma-separated in the variable
   * @defaultValue none
   * @environment MARKETPLACE_SNS_TOPIC_ARNS
   */
  snsTopicArns?: string[] | undefined;
  /**
   * Which signatures of SNS are taken over HTTPS: `v2` refuses messages that SNS signed with SHA-1.
   *
   * Give `v2` when SignatureVersion 2 is set on all your topics.
   *
   * @range `any` or `v2`
   * @defaultValue `any`
   * @environment MARKETPLACE_SNS_SIGNATURE
   */
  snsSignature?: 'any' | 'v2' | undefined;
  /**
   * What the header `x-marketplace-secret` of an EventBridge API destination must hold.
   *
   * Give the old and the new one while you rotate.
   *
   * @range one or two of at least 24 characters; comma-separated in the variable
   * @defaultValue none
   * @environment MARKETPLACE_EVENTBRIDGE_SECRETS
   */
  eventBridgeSecrets?: string[] | undefined;
  /**
   * How old a message of SNS over HTTPS may be.
   *
   * Raise it where a delivery policy of yours retries for longer.
   *
   * @unit ms
   * @range 60,000 (1 min) to 2,592,000,000 (30 days)
   * @defaultValue 86,400,000 (24 h)
   * @environment MARKETPLACE_NOTIFICATION_MAX_AGE_MS
   */
  maxAgeMs?: number | undefined;
  /**
   * Tries to apply a message before it is dead-lettered, with the alert `messageDeadLettered`.
   *
   * Raise it where the database is away for long; lower it to hear sooner of what cannot be applied.
   *
   * @unit attempts
   * @range 1 to 1,000
   * @defaultValue 10
   * @environment MARKETPLACE_NOTIFICATION_DEAD_LETTER_AFTER_ATTEMPTS
   */
  deadLetterAfterAttempts?: number | undefined;
}
