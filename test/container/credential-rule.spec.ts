import { describe, expect, it } from '@jest/globals';
import { chooseCredentials, takenOn } from '../../src/container/credential-rule.js';
import { type TokenFile } from '../../src/container/token-file.js';
import { workloadEnvironmentOf } from '../../src/container/workload-environment.js';

const TASK = { ECS_CONTAINER_METADATA_URI_V4: 'http://169.254.170.2/v4/abc' };
const TASK_ROLE = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/abc' };
const POD = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
const IRSA = {
  AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/token',
  AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/app/meter',
};
const POD_IDENTITY = {
  AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/var/run/pods/token',
};
const USER = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };
const READ: TokenFile = { kind: 'read', podUid: 'uid-1', region: 'us-east-1' };

const chosen = (variables: Record<string, string>, token: TokenFile | null = null, platform?: 'agentcore'): string => {
  const choice = chooseCredentials(workloadEnvironmentOf(variables, platform), token);
  if (choice.kind === 'refused') return `${choice.code}: ${choice.message}`;
  expect(choice.kind).toBe('found');
  const beside = choice.notUsed.length > 0 ? `, not ${choice.notUsed.join(', ')}` : '';
  return `${choice.source?.kind ?? 'none'}: ${choice.says}${beside}`;
};

describe('the credentials that AWS takes', () => {
  it.each<[string, Record<string, string>, TokenFile | null, string]>([
    ['a task role', { ...TASK, ...TASK_ROLE }, null, 'containerEndpoint: the task role'],
    [
      'a task role beside keys',
      { ...TASK, ...TASK_ROLE, ...USER },
      null,
      'containerEndpoint: the task role, not keys in AWS_ACCESS_KEY_ID',
    ],
    ['IRSA', { ...POD, ...IRSA }, READ, 'webIdentity: IRSA (meter)'],
    ['IRSA where Kubernetes hides its services', IRSA, READ, 'webIdentity: IRSA (meter)'],
    [
      'IRSA beside Pod Identity',
      { ...POD, ...IRSA, ...POD_IDENTITY },
      READ,
      'webIdentity: IRSA (meter), not EKS Pod Identity',
    ],
    ['an instance role', {}, null, 'instanceMetadata: the instance role'],
    [
      'an instance role, variables set to nothing',
      { AWS_ACCESS_KEY_ID: '', AWS_ROLE_ARN: ' ' },
      null,
      'instanceMetadata: the instance role',
    ],
  ])('%s', (_, variables, token, expected) => {
    expect(chosen(variables, token)).toBe(expected);
  });

  it('an execution role, which nothing tells of', () => {
    expect(chosen({}, null, 'agentcore')).toBe('none: the execution role');
  });

  it('have a session name by which the buyer’s trail names the pod', () => {
    expect(chooseCredentials(workloadEnvironmentOf({ ...POD, ...IRSA }, undefined), READ)).toMatchObject({
      source: { kind: 'webIdentity', sessionName: 'uid-1', tokenFile: '/var/run/token' },
    });
  });
});

describe('credentials that AWS does not take', () => {
  const REFUSED = 'CREDENTIALS_UNSUPPORTED: AWS Marketplace does not take the credentials that are here:';
  const INSTANCE_ROLE = 'the instance role: attach an instance profile to the EC2 instance.';
  const TASK_ROLE_ALONE =
    'On Amazon ECS AWS Marketplace takes the task role: set taskRoleArn in the task definition (executionRoleArn is ' +
    'another role).';
  const IRSA_ALONE =
    'On Amazon EKS AWS Marketplace takes IRSA alone: annotate the service account with eks.amazonaws.com/role-arn, let ' +
    'the role trust the cluster’s OIDC provider, and start the pod anew.';
  const NO_KEYS = 'Remove AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.';
  const UNREADABLE = 'CREDENTIALS_UNREADABLE: IRSA is set up, but its token file /var/run/token';

  it.each<[string, Record<string, string>, TokenFile | null, string]>([
    ['Pod Identity', { ...POD, ...POD_IDENTITY }, null, `${REFUSED} EKS Pod Identity. ${IRSA_ALONE}`],
    ['a node role', POD, null, `${REFUSED} the role of the node. ${IRSA_ALONE}`],
    ['keys in a pod', { ...POD, ...USER }, null, `${REFUSED} keys in AWS_ACCESS_KEY_ID. ${IRSA_ALONE} ${NO_KEYS}`],
    [
      'Pod Identity and keys',
      { ...POD, ...POD_IDENTITY, ...USER },
      null,
      `${REFUSED} EKS Pod Identity and keys in AWS_ACCESS_KEY_ID. ${IRSA_ALONE} ${NO_KEYS}`,
    ],
    [
      'keys on an instance',
      USER,
      null,
      `${REFUSED} keys in AWS_ACCESS_KEY_ID. On Amazon EC2 AWS Marketplace takes ${INSTANCE_ROLE} ${NO_KEYS}`,
    ],
    [
      'temporary keys on an instance',
      { AWS_ACCESS_KEY_ID: 'ASIAEXAMPLE' },
      null,
      `${REFUSED} keys in AWS_ACCESS_KEY_ID. On Amazon EC2 AWS Marketplace takes ${INSTANCE_ROLE} ${NO_KEYS}`,
    ],
    ['an instance role below a task', TASK, null, `${REFUSED} the role of the container instance. ${TASK_ROLE_ALONE}`],
    [
      'a role without a token file',
      { ...POD, AWS_ROLE_ARN: IRSA.AWS_ROLE_ARN },
      null,
      `${REFUSED} the role of the node. ${IRSA_ALONE}`,
    ],
    [
      'a token file without a role',
      { ...POD, AWS_WEB_IDENTITY_TOKEN_FILE: IRSA.AWS_WEB_IDENTITY_TOKEN_FILE },
      READ,
      `${REFUSED} the role of the node. ${IRSA_ALONE}`,
    ],
    [
      'a token file that nobody has looked at',
      { ...POD, ...IRSA },
      null,
      `${REFUSED} the role of the node. ${IRSA_ALONE}`,
    ],
    [
      'a missing token file',
      { ...POD, ...IRSA },
      { kind: 'unreadable', reason: 'missing' },
      `${UNREADABLE} is not there. It is mounted by EKS when the pod is created: create the annotation on the service ` +
        'account first, then the pod; automountServiceAccountToken and a volume of its own do not replace it.',
    ],
    [
      'a token file of somebody else',
      { ...POD, ...IRSA },
      { kind: 'unreadable', reason: 'forbidden' },
      `${UNREADABLE} cannot be read. The container’s user may not read it: set securityContext.fsGroup of the pod to a ` +
        'group of that user (65534 does for most).',
    ],
    [
      'a file that is no token',
      { ...POD, ...IRSA },
      { kind: 'unreadable', reason: 'malformed' },
      `${UNREADABLE} holds no token. It does not hold a token of a service account: remove what writes over it.`,
    ],
    [
      'metadata that are switched off',
      { AWS_EC2_METADATA_DISABLED: 'TRUE' },
      null,
      'CREDENTIALS_MISSING: No credentials: AWS_EC2_METADATA_DISABLED keeps the instance role from being read. ' +
        `AWS Marketplace takes ${INSTANCE_ROLE} Remove the variable.`,
    ],
  ])('%s', (_, variables, token, expected) => {
    const text = chosen(variables, token);
    expect(text).toBe(expected);
    // A buyer who has subscribed must not be sent to subscribe; and no account is told.
    expect(text).not.toMatch(/subscri|123456789012/i);
  });

  it('are answered on AgentCore with what it takes', () => {
    expect(takenOn('agentcore')).toBe(
      'On Bedrock AgentCore AWS Marketplace takes the execution role of the AgentCore runtime.',
    );
  });
});
