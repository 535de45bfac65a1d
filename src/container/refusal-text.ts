import { type CallFailure } from '../aws/aws-error.js';
import { StartRefusedError, type StartRefusalCode } from '../errors/start-refused-error.js';
import { takenOn } from './credential-rule.js';
import { type Workload } from './workload.js';

type Operation = 'RegisterUsage' | 'MeterUsage';

/** A refusal of AWS in one line, with the buyer's next step at its end. */
export function refusalOf(
  code: StartRefusalCode,
  operation: Operation,
  productCode: string,
  workload: Workload,
  failure: CallFailure,
): StartRefusedError {
  const { region, platform, says } = workload;
  const product = `product ${productCode}`;
  const text: Partial<Record<StartRefusalCode, string>> = {
    CUSTOMER_NOT_ENTITLED:
      `This account has no subscription to ${product} on AWS Marketplace. Subscribe to it with the account in which it ` +
      'runs, then start it again.',
    PLATFORM_NOT_SUPPORTED:
      `AWS Marketplace does not take ${operation} from where ${product} runs. Run it on Amazon ECS, Amazon EKS or AWS ` +
      `Fargate. ${takenOn(platform)}`,
    REGION_REFUSED:
      `AWS Marketplace says that ${product} does not run in ${region}, or may not be metered there. Correct AWS_REGION, ` +
      'or run it in a region that the product supports.',
    PRODUCT_CODE_REFUSED:
      `AWS Marketplace does not know ${product}, or not as one that calls ${operation}. Tell its seller: ` +
      'products[].productCode and type must be those of the listing.',
    DIMENSION_REFUSED:
      `AWS Marketplace does not know a dimension of ${product}. Tell its seller: products[].dimensions must be those of ` +
      'the listing.',
    API_DISABLED: `The metering API of AWS Marketplace is not available in ${region}. Run ${product} in a region that it supports.`,
    CALL_NOT_PERMITTED:
      `${says} may not call AWS Marketplace for ${product}; this says nothing about the subscription. Allow the IAM action ` +
      `aws-marketplace:${operation} on "*" to it, then start again.`,
    CREDENTIALS_REFUSED:
      `AWS does not take the credentials of ${says}. Start the task, pod or instance anew; if it stays so, check its role. ` +
      takenOn(platform),
  };
  const message =
    text[code] ??
    `AWS Marketplace refused ${operation} for ${product} with ${failure.code}, which this version does not know. Install ` +
      'a newer release of the software, or show this line to its seller.';
  return new StartRefusedError(code, `${message} [${failure.code}: ${failure.message}]`, { cause: failure });
}

/** AWS could not be asked for as long as patience lasted. */
export function unreachable(
  operation: Operation,
  productCode: string,
  { region }: Pick<Workload, 'region'>,
  patienceMs: number,
  why: string,
): StartRefusedError {
  const message =
    `AWS Marketplace did not answer ${operation} for product ${productCode} within ${Math.round(patienceMs / 60_000)} ` +
    `minutes. ${networkHint(region)} [last: ${why}]`;
  return new StartRefusedError('AWS_UNREACHABLE', message);
}

/** What a private subnet needs. */
export function networkHint(region: string): string {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return (
    `Let it reach metering.marketplace.${region}.${domain} on port 443, or create the interface endpoint ` +
    `com.amazonaws.${region}.metering-marketplace in its VPC.`
  );
}
