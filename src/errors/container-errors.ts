import { type ErrorDescription } from './error-description.js';

/**
 * Of software that runs in a buyer's account, at its start. Each ends the process with an exit code of its own, so that
 * whoever sees a container stop knows which; codes are stable.
 */
export const CONTAINER_ERRORS = {
  CREDENTIALS_MISSING: {
    seenBy: ['start'],
    status: [],
    exitCode: 71,
    meaning: 'The software finds no role of the workload with which to call AWS.',
    fix: 'Give it one: IRSA on EKS, a task role on ECS, an instance role on EC2.',
  },
  CREDENTIALS_UNSUPPORTED: {
    seenBy: ['start'],
    status: [],
    exitCode: 72,
    meaning:
      'There are credentials, but of a kind that AWS Marketplace does not take: Pod Identity, a node’s role, keys.',
    fix: 'Replace them by the role of the workload, as the message says for where it runs.',
  },
  CREDENTIALS_UNREADABLE: {
    seenBy: ['start'],
    status: [],
    exitCode: 73,
    meaning: 'The role of the workload is set up, and its token file cannot be read.',
    fix: 'Let the service account’s token be mounted, and readable (`fsGroup`), as the message says.',
  },
  CREDENTIALS_REFUSED: {
    seenBy: ['start'],
    status: [],
    exitCode: 74,
    meaning: 'AWS does not take the role’s credentials, or does not let the workload assume its role.',
    fix: 'Correct the role’s trust policy: on EKS it names the cluster’s OIDC provider and the service account.',
  },
  REGION_UNKNOWN: {
    seenBy: ['start'],
    status: [],
    exitCode: 75,
    meaning:
      'Neither an option, the task, the token, the metadata service nor a variable says where the software runs.',
    fix: 'Set AWS_REGION, or `products[].region`; on EC2 let containers reach IMDSv2 (hop limit 2).',
  },
  RESOURCE_UNKNOWN: {
    seenBy: ['start', 'caller'],
    status: [],
    exitCode: 76,
    meaning: 'The metadata that names the instance, task or pod cannot be read, so no usage can be metered for it.',
    fix: 'Let the software reach the metadata endpoint that the message names.',
  },
  CUSTOMER_NOT_ENTITLED: {
    seenBy: ['start'],
    status: [],
    exitCode: 81,
    meaning: 'AWS says that the account has no subscription to the product.',
    fix: 'Subscribe to the product on AWS Marketplace with the account in which it runs, then start it again.',
  },
  PLATFORM_NOT_SUPPORTED: {
    seenBy: ['start'],
    status: [],
    exitCode: 82,
    meaning: 'AWS says that the software does not run where the product may run.',
    fix: 'Run it on Amazon ECS, Amazon EKS or AWS Fargate, with the role of the task or of the service account.',
  },
  REGION_REFUSED: {
    seenBy: ['start'],
    status: [],
    exitCode: 83,
    meaning: 'AWS says that the software does not run in the region in which it was asked.',
    fix: 'Correct `products[].region` or AWS_REGION, or run it in a region that the product supports.',
  },
  PUBLIC_KEY_REFUSED: {
    seenBy: ['start'],
    status: [],
    exitCode: 84,
    meaning: 'AWS signs with none of the configured versions of the product’s public key any more.',
    fix: 'Use a newer release of the software; its seller adds the version that the message names.',
  },
  PRODUCT_CODE_REFUSED: {
    seenBy: ['start'],
    status: [],
    exitCode: 85,
    meaning: 'AWS does not know the product code, or not for this kind of product.',
    fix: 'Tell the seller: `products[].productCode` must be that of the listing.',
  },
  API_DISABLED: {
    seenBy: ['start'],
    status: [],
    exitCode: 86,
    meaning: 'The metering API is not available in the region.',
    fix: 'Run the software in a region that the product supports.',
  },
  CALL_NOT_PERMITTED: {
    seenBy: ['start'],
    status: [],
    exitCode: 87,
    meaning: 'The role of the workload may not call the metering API. It says nothing about the subscription.',
    fix: 'Allow the IAM action that the message names to the role of the workload.',
  },
  SIGNATURE_REFUSED: {
    seenBy: ['start'],
    status: [],
    exitCode: 88,
    meaning: 'What came back from RegisterUsage is not AWS’s answer to this very call.',
    fix: 'Let the software reach AWS directly, without a proxy or endpoint that answers for it.',
  },
  START_REFUSED: {
    seenBy: ['start'],
    status: [],
    exitCode: 89,
    meaning: 'AWS refused the first call for a reason that this version does not know.',
    fix: 'See the message for AWS’s own words; use a newer release of the software.',
  },
  AWS_UNREACHABLE: {
    seenBy: ['start'],
    status: [],
    exitCode: 90,
    meaning: 'The metering API could not be reached, or did not answer, for `container.startPatienceMs`.',
    fix: 'Open the network to the host and port that the message names, or add an interface endpoint.',
  },
  DIMENSION_REFUSED: {
    seenBy: ['start'],
    status: [],
    exitCode: 91,
    meaning: 'AWS does not know a dimension of the product.',
    fix: 'Tell the seller: `products[].dimensions` must be those of the listing.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;
