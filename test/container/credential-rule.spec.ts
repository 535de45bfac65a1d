import { describe, expect, it } from '@jest/globals';
import { chooseCredentials } from '../../src/container/credential-rule.js';
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
  it.each<[string, Record<string, string>, TokenFile | null, RegExp]>([
    [
      'Pod Identity',
      { ...POD, ...POD_IDENTITY },
      null,
      /^CREDENTIALS_UNSUPPORTED: .*here: EKS Pod Identity\. On Amazon EKS .* IRSA alone/,
    ],
    ['a node role', POD, null, /^CREDENTIALS_UNSUPPORTED: .*here: the role of the node\./],
    [
      'keys in a pod',
      { ...POD, ...USER },
      null,
      /^CREDENTIALS_UNSUPPORTED: .*Remove AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\.$/,
    ],
    ['keys on an instance', USER, null, /^CREDENTIALS_UNSUPPORTED: .*Amazon EC2 .* the instance role/],
    ['temporary keys on an instance', { AWS_ACCESS_KEY_ID: 'ASIAEXAMPLE' }, null, /^CREDENTIALS_UNSUPPORTED/],
    [
      'an instance role below a task',
      TASK,
      null,
      /^CREDENTIALS_UNSUPPORTED: .*the role of the container instance\. On Amazon ECS .* taskRoleArn/,
    ],
    ['a role without a token file', { ...POD, AWS_ROLE_ARN: IRSA.AWS_ROLE_ARN }, null, /^CREDENTIALS_UNSUPPORTED/],
    [
      'a missing token file',
      { ...POD, ...IRSA },
      { kind: 'unreadable', reason: 'missing' },
      /^CREDENTIALS_UNREADABLE: .*\/var\/run\/token is not there\. .*annotation/,
    ],
    [
      'a token file of somebody else',
      { ...POD, ...IRSA },
      { kind: 'unreadable', reason: 'forbidden' },
      /^CREDENTIALS_UNREADABLE: .*fsGroup/,
    ],
    [
      'a file that is no token',
      { ...POD, ...IRSA },
      { kind: 'unreadable', reason: 'malformed' },
      /^CREDENTIALS_UNREADABLE: .*holds no token/,
    ],
    [
      'metadata that are switched off',
      { AWS_EC2_METADATA_DISABLED: 'TRUE' },
      null,
      /^CREDENTIALS_MISSING: .*AWS_EC2_METADATA_DISABLED.*Remove the variable/,
    ],
  ])('%s', (_, variables, token, expected) => {
    const text = chosen(variables, token);
    expect(text).toMatch(expected);
    // A buyer who has subscribed must not be sent to subscribe; and no account is told.
    expect(text).not.toMatch(/subscri|123456789012/i);
  });
});
