import { createHash } from 'node:crypto';
import { type ComputeResource, type ResourceCredentials } from '../wire/compute-resource.js';
import { sessionOf } from './session-credentials.js';

const dayS = 86_400;

/**
 * The token of a pod's service account that EKS projects into it for IRSA. Its signature is none: nobody here checks
 * it.
 */
export function webIdentityToken({ resourceId, region, launchedAt }: ComputeResource, podName: string): string {
  const issuedAt = Math.floor(launchedAt.getTime() / 1000);
  const clusterId = createHash('sha256').update(region).digest('hex').slice(0, 32).toUpperCase();
  const claims = {
    aud: ['sts.amazonaws.com'],
    exp: issuedAt + dayS,
    iat: issuedAt,
    iss: `https://oidc.eks.${region}.amazonaws.com/id/${clusterId}`,
    'kubernetes.io': {
      namespace: 'default',
      node: { name: 'ip-10-0-0-10.ec2.internal', uid: '00000000-0000-4000-8000-000000000001' },
      pod: { name: podName, uid: resourceId },
      serviceaccount: { name: 'app', uid: '00000000-0000-4000-8000-000000000002' },
    },
    nbf: issuedAt,
    sub: 'system:serviceaccount:default:app',
  };
  const parts = [{ alg: 'RS256', kid: 'simulator' }, claims].map((part) => JSON.stringify(part));
  return [...parts, resourceId].map((part) => Buffer.from(part).toString('base64url')).join('.');
}

export interface AssumedRole {
  readonly roleArn: string;
  readonly roleId: string;
  readonly sessionName: string;
  readonly credentials: ResourceCredentials;
}

/** What STS answers to AssumeRoleWithWebIdentity. */
export function assumedRoleXml({ roleArn, roleId, sessionName, credentials }: AssumedRole): string {
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = sessionOf(credentials);
  const arn = `${roleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${sessionName}`;
  return (
    '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">' +
    '<AssumeRoleWithWebIdentityResult><Audience>sts.amazonaws.com</Audience>' +
    `<AssumedRoleUser><AssumedRoleId>${roleId}:${sessionName}</AssumedRoleId><Arn>${arn}</Arn></AssumedRoleUser>` +
    `<Credentials><AccessKeyId>${AccessKeyId}</AccessKeyId><SecretAccessKey>${SecretAccessKey}</SecretAccessKey>` +
    `<SessionToken>${Token}</SessionToken><Expiration>${Expiration}</Expiration></Credentials>` +
    '</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>sts</RequestId></ResponseMetadata>' +
    '</AssumeRoleWithWebIdentityResponse>'
  );
}

export function stsErrorXml(code: string, message: string): string {
  return (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">' +
    `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>` +
    '<RequestId>sts</RequestId></ErrorResponse>'
  );
}
