import { type Agent } from 'node:http';
import { z } from 'zod';
import { type CredentialsProvider } from './aws-options.js';
import { durationMs, HOUR_MS, MINUTES_MS, rate, webUrl } from './option-values.schema.js';

const ROLE_ARN = /^arn:aws[a-z-]*:iam::[0-9]{12}:role\/[\x21-\x7e]{1,512}$/;

const roleArn = z.string({ error: 'give the ARN of the role' }).regex(ROLE_ARN, {
  error: 'give the ARN of a role, for example arn:aws:iam::123456789012:role/marketplace-metering',
});

const assumeRoleSchema = z.strictObject(
  {
    roleArn,
    externalId: z
      .string({ error: 'give text' })
      .regex(/^[\w+=,.@:/-]{2,1224}$/, { error: 'give 2 to 1224 letters, digits or _ + = , . @ : / -' })
      .optional(),
    sessionName: z
      .string({ error: 'give text' })
      .regex(/^[\w+=,.@-]{2,64}$/, { error: 'give 2 to 64 letters, digits or _ + = , . @ -' })
      .default('nestjs-marketplace-metering'),
    durationMs: durationMs(15 * MINUTES_MS, 12 * HOUR_MS, HOUR_MS),
    through: z.array(roleArn, { error: 'list the ARNs of the roles on the way' }).default([]),
  },
  { error: 'give an object with roleArn' },
);

const PROXY_FIX = 'give the http(s) URL of a proxy, an http.Agent, or false for none';

/** How AWS Marketplace is called. */
export const awsSchema = z
  .strictObject({
    endpoint: webUrl('an endpoint').optional(),
    credentials: z
      .custom<CredentialsProvider>((value) => typeof value === 'function', {
        error: 'give a function that returns credentials',
      })
      .optional(),
    assumeRole: assumeRoleSchema.optional(),
    proxy: z.custom<string | Agent | false>(isProxy, { error: PROXY_FIX }).optional(),
    useFipsEndpoint: z.boolean({ error: 'give true or false' }).optional(),
    useDualstackEndpoint: z.boolean({ error: 'give true or false' }).optional(),
    identicalResend: z.enum(['unknown', 'success'], { error: 'give "unknown" or "success"' }).default('unknown'),
    // A little below AWS's published quotas (20/s and 5/s; GetAgreementTerms 5/s or 10/s): other tools of the account
    // share them.
    callsPerSecond: z
      .strictObject({
        meterUsage: rate(5),
        getEntitlements: rate(15),
        searchAgreements: rate(4),
        describeAgreement: rate(4),
        getAgreementTerms: rate(4),
        lookupEvents: rate(1),
      })
      .prefault({}),
  })
  .prefault({});

function isProxy(value: unknown): boolean {
  if (typeof value === 'string') return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  return value === false || (typeof value === 'object' && value !== null && 'destroy' in value);
}
