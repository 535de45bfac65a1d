import { z } from 'zod';
import { meteringRegions } from '../market/listing.js';
import { type Operation, operations } from '../wire/api-operation.js';
import { type ControlledSimulator } from './controlled-simulator.js';
import { ControlProblem } from './control-problem.js';
import { type ControlRoute, route } from './control-route.js';

const operationList = z.array(z.enum(operations as [Operation]));

const credentialSource = z.enum(['workload', 'node', 'podIdentity', 'longTerm']);

const launchRequest = z
  .strictObject({
    agreementId: z.exactOptional(z.string().min(1)),
    accountId: z.exactOptional(z.string().regex(/^[0-9]{1,255}$/, 'expected an AWS account id: digits only, as text')),
    platform: z.enum(['ec2', 'ecs', 'eks', 'fargate', 'agentcore']),
    region: z.exactOptional(z.enum(['us-gov-east-1', 'us-gov-west-1', ...meteringRegions])),
    credentials: z.exactOptional(credentialSource),
    deniedOperations: z.exactOptional(operationList),
  })
  .refine(({ agreementId, accountId }) => (agreementId === undefined) !== (accountId === undefined), {
    message: 'expected either agreementId, the buyer by an agreement, or accountId, the account it runs in',
  })
  .meta({ id: 'LaunchRequest' });

const resource = z
  .object({
    resourceId: z.string(),
    platform: z.string(),
    region: z.string(),
    accountId: z.string(),
    credentialSource: z.string(),
    credentials: z.object({
      accessKeyId: z.string(),
      secretAccessKey: z.string(),
      sessionToken: z.exactOptional(z.string()),
    }),
    deniedOperations: operationList,
    launchedAt: z.iso.datetime(),
    terminatedAt: z.exactOptional(z.iso.datetime()),
  })
  .meta({ id: 'ComputeResource' });

const environmentRequest = z
  .strictObject({
    regionVariable: z.exactOptional(z.string().min(1)),
    availabilityZone: z.exactOptional(z.boolean()),
    instanceMetadata: z.exactOptional(z.enum(['on', 'hopLimit1', 'off', 'unreachable'])),
    tokenFile: z.exactOptional(z.enum(['present', 'missing', 'unreadable'])),
    assumeRole: z.exactOptional(z.enum(['granted', 'denied'])),
    besides: z.exactOptional(z.array(credentialSource)),
  })
  .meta({ id: 'EnvironmentRequest' });

const environment = z
  .object({ variables: z.record(z.string(), z.string()) })
  .meta({ id: 'Environment', description: 'Variables for the software’s process; what they name is on this machine' });

const publicKey = z.object({
  version: z.number(),
  publicKey: z.string(),
  rotatedAt: z.exactOptional(z.iso.datetime()),
  retiredAt: z.exactOptional(z.iso.datetime()),
});

const publicKeys = z.object({ keys: z.array(publicKey) });

const nothing = z.strictObject({});

/**
 * AMI and container software in buyers' accounts: what signs MeterUsage and RegisterUsage, and against which keys its
 * answers are verified.
 */
export function softwareRoutes(simulator: ControlledSimulator): ControlRoute[] {
  const known = (productCode: string): string => {
    if (simulator.products().some((one) => one.productCode === productCode)) return productCode;
    throw new ControlProblem(404, `There is no product ${productCode}. POST /_simulator/products makes one.`);
  };
  const launched = (resourceId: string): string => {
    if (simulator.resources().some((one) => one.resourceId === resourceId)) return resourceId;
    throw new ControlProblem(404, `There is no resource ${resourceId}. GET /_simulator/resources lists them.`);
  };
  return [
    route({
      method: 'GET',
      path: '/resources',
      summary: 'Software in buyers’ accounts, ended ones included',
      answer: z.object({ resources: z.array(resource) }),
      run: () => ({ resources: simulator.resources() }),
    }),
    route({
      method: 'POST',
      path: '/resources',
      summary: 'AMI or container software starts; its credentials sign MeterUsage and RegisterUsage',
      body: launchRequest,
      status: 201,
      answer: resource,
      run: ({ body: { agreementId, ...options } }) => {
        if (agreementId === undefined) return simulator.launch(options);
        if (!simulator.agreements().some((one) => one.agreementId === agreementId)) {
          throw new ControlProblem(404, `There is no agreement ${agreementId}. GET /_simulator/agreements lists them.`);
        }
        return simulator.launch({ ...options, agreement: agreementId });
      },
    }),
    route({
      method: 'POST',
      path: '/resources/{resourceId}/environment',
      summary: 'What the software finds where it runs: its metadata endpoints and credentials, as variables',
      body: environmentRequest,
      answer: environment,
      run: async ({ params: { resourceId }, body }) => ({
        variables: await simulator.environmentOf(launched(resourceId), body),
      }),
    }),
    route({
      method: 'POST',
      path: '/resources/{resourceId}/terminate',
      summary: 'The software ends, and its credentials with it',
      body: nothing,
      answer: resource,
      run: ({ params: { resourceId } }) => simulator.terminate(launched(resourceId)),
    }),
    route({
      method: 'GET',
      path: '/products/{productCode}/public-keys',
      summary: 'The public keys against which RegisterUsage’s signatures are verified, oldest first',
      answer: publicKeys,
      run: ({ params }) => ({ keys: simulator.publicKeys(known(params.productCode)) }),
    }),
    route({
      method: 'POST',
      path: '/products/{productCode}/public-keys',
      summary: 'A new version of the product’s public key takes over',
      body: nothing,
      status: 201,
      answer: publicKeys,
      run: ({ params }) => ({ keys: simulator.rotatePublicKey(known(params.productCode)) }),
    }),
    route({
      method: 'POST',
      path: '/products/{productCode}/public-keys/{version}/retire',
      summary: 'AWS no longer signs by this version',
      body: nothing,
      answer: publicKeys,
      run: ({ params: { productCode, version } }) => {
        const keys = simulator.publicKeys(known(productCode));
        if (keys.some((one) => String(one.version) === version))
          return { keys: simulator.retirePublicKey(productCode, Number(version)) };
        throw new ControlProblem(404, `The product ${productCode} has no public key of version ${version}.`);
      },
    }),
  ];
}
