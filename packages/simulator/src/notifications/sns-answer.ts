/** What a link in an SNS message leads to. */
export interface SnsAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const namespace = 'http://sns.amazonaws.com/doc/2010-03-31/';

export const certificateAnswer = (certificate: string): SnsAnswer => ({
  status: 200,
  type: 'application/x-pem-file',
  body: certificate,
});

/** `subscriptionArn`: of the subscription that the link was for, or undefined when there is none. */
export function snsAnswer(
  action: 'ConfirmSubscription' | 'Unsubscribe',
  subscriptionArn: string | undefined,
): SnsAnswer {
  if (subscriptionArn === undefined) {
    const error = '<Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>Invalid parameter</Message></Error>';
    return { status: 400, type: 'text/xml', body: `<ErrorResponse xmlns="${namespace}">${error}</ErrorResponse>` };
  }
  const result = `<${action}Result><SubscriptionArn>${subscriptionArn}</SubscriptionArn></${action}Result>`;
  return {
    status: 200,
    type: 'text/xml',
    body: `<${action}Response xmlns="${namespace}">${result}</${action}Response>`,
  };
}
