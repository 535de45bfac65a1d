import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as cloudTrail from '@aws-sdk/client-cloudtrail';
import * as agreement from '@aws-sdk/client-marketplace-agreement';
import * as entitlement from '@aws-sdk/client-marketplace-entitlement-service';
import * as metering from '@aws-sdk/client-marketplace-metering';
import { NormalizedSchema } from '@smithy/core/schema';
import { type StaticStructureSchema } from '@smithy/types';
import { afterAll, describe, expect, it } from '@jest/globals';
import { defaultSwitches } from '../src/index.js';
import { apiOperations, type Operation } from '../src/wire/api-operation.js';
import { startSoftware } from './buyer-software.js';
import { hourMs, noon, startMarketplace, startMetering, stopMarketplaces } from './simulated-marketplace.js';

/*
 * The simulator against the installed SDKs' own model: when AWS adds an operation, a member or an error, or words a
 * limit anew, the SDK's next release fails here.
 */
afterAll(stopMarketplaces);

const packages = {
  metering: {
    sdk: metering as Record<string, unknown>,
    folder: 'client-marketplace-metering',
    service: apiOperations.BatchMeterUsage.service,
  },
  entitlement: {
    sdk: entitlement as Record<string, unknown>,
    folder: 'client-marketplace-entitlement-service',
    service: apiOperations.GetEntitlements.service,
  },
};

/** [9, namespace, name, traits, input, output] [SDK, dist-es/schemas]. */
type OperationSchema = [9, string, string, unknown, () => StructureSchema, () => StructureSchema];
/**
 * [3 or -3 for errors, namespace, name, traits, member names, member schemas, number of required members: the first
 * ones].
 */
type StructureSchema = [3 | -3, string, string, Record<string, unknown> | number, string[], unknown[], number?];

const schemasOf = <T extends [number, ...unknown[]]>(sdk: Record<string, unknown>, kind: T[0]): T[] =>
  Object.entries(sdk)
    .filter(([name, value]) => name.endsWith('$') && Array.isArray(value) && value[0] === kind)
    .map(([, value]) => value as T);

const operationOf = (name: Operation): OperationSchema => {
  const all = [metering, entitlement, cloudTrail].flatMap((sdk) =>
    schemasOf<OperationSchema>(sdk as Record<string, unknown>, 9),
  );
  const found = all.find((schema) => schema[2] === name);
  if (!found) throw new Error(`The SDKs have no operation ${name}`);
  return found;
};

type Wire = Record<string, unknown>;

const normalized = (schema: StructureSchema): NormalizedSchema => NormalizedSchema.of(schema as StaticStructureSchema);

async function post(url: string, name: Operation, body: Wire): Promise<{ status: number; body: Wire }> {
  const { service } = apiOperations[name];
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${date.slice(0, 8)}/us-east-1/${service.signingName}/aws4_request`;
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'x-amz-target': `${service.name}.${name}`,
      'x-amz-date': date,
      authorization: `AWS4-HMAC-SHA256 Credential=A/${scope}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Wire };
}

const tag = { Key: 'team', Value: 'a' };
const allocation = { AllocatedUsageQuantity: 5, Tags: [tag] };
const timestamp = noon.getTime() / 1000;

/** A request with every member that the operation has, well formed. */
const whole = (productCode: string): Partial<Record<Operation, Wire>> => ({
  ResolveCustomer: { RegistrationToken: 'token' },
  BatchMeterUsage: {
    ProductCode: productCode,
    UsageRecords: [
      {
        Timestamp: timestamp,
        Dimension: 'users',
        CustomerIdentifier: 'customer',
        Quantity: 5,
        UsageAllocations: [allocation],
        CustomerAWSAccountId: '123456789012',
        LicenseArn: 'arn:aws:license-manager::111122223333:license:l-1',
      },
    ],
  },
  MeterUsage: {
    ProductCode: productCode,
    Timestamp: timestamp,
    UsageDimension: 'users',
    UsageQuantity: 5,
    DryRun: false,
    UsageAllocations: [allocation],
    ClientToken: 'token',
  },
  RegisterUsage: { ProductCode: productCode, PublicKeyVersion: 1, Nonce: 'nonce' },
  GetEntitlements: { ProductCode: productCode, Filter: { DIMENSION: ['seats'] }, NextToken: 'token', MaxResults: 5 },
  LookupEvents: {
    LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'x' }],
    StartTime: timestamp,
    EndTime: timestamp,
    EventCategory: 'insight',
    MaxResults: 5,
    NextToken: 'token',
  },
});

type Path = (string | number)[];

interface Member {
  path: Path;
  schema: NormalizedSchema;
  required: boolean;
}

/** Every member of a structure at every depth, with a path to its first occurrence. */
function membersOf(structure: NormalizedSchema, path: Path = []): Member[] {
  const required = (structure.getSchema() as StructureSchema)[6] ?? 0;
  return [...structure.structIterator()].flatMap(([name, schema], index) => {
    const here = [...path, name];
    const below =
      schema.isListSchema() && schema.getValueSchema().isStructSchema()
        ? membersOf(schema.getValueSchema(), [...here, 0])
        : [];
    const inside = schema.isStructSchema() ? membersOf(schema, here) : [];
    return [{ path: here, schema, required: index < required }, ...below, ...inside];
  });
}

/** A copy with another value at the path; undefined takes the member away. */
function changed(value: unknown, [head, ...rest]: Path, to: unknown): unknown {
  if (head === undefined) return to;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === head ? changed(item, rest, to) : item));
  const object = value as Wire;
  return { ...object, [head]: changed(object[head], rest, to) };
}

const inputMembers = (Object.keys(apiOperations) as Operation[])
  .filter((name) => name in whole(''))
  .flatMap((name) =>
    membersOf(normalized(operationOf(name)[4]())).map((member) => ({ name, ...member, at: member.path.join('.') })),
  );

describe('the model of the SDK: operations', () => {
  it.each(Object.entries(packages))('answers every operation of %s, under its names', (_, { sdk, service }) => {
    const schemas = schemasOf<OperationSchema>(sdk, 9);
    const ours = Object.entries(apiOperations).filter(([, operation]) => operation.service === service);
    expect(schemas.map(([, , name]) => name).sort()).toEqual(ours.map(([name]) => name).sort());
    expect(new Set(schemas.map(([, namespace]) => namespace))).toEqual(new Set([service.namespace]));
  });

  it('answers LookupEvents of CloudTrail under its name', () => {
    expect(operationOf('LookupEvents')[1]).toBe(apiOperations.LookupEvents.service.namespace);
  });
});

describe('the model of the SDK: requests', () => {
  const started = startMarketplace({ switches: { futureSkewMs: 0 } }).then(({ sim }) => {
    const { productCode } = sim.createProduct({ dimensions: ['users'] });
    return { url: sim.url, requests: whole(productCode) };
  });

  it.each(inputMembers)('reads $name $at', async ({ name, path, schema }) => {
    const { url, requests } = await started;
    const wrong = schema.isStringSchema() || schema.isMapSchema() || schema.isStructSchema() ? 1 : 'x';
    const request = changed(requests[name], path, wrong) as Wire;
    // A token is only looked at where the rest is in order.
    const { body } = await post(
      url,
      name,
      name === 'GetEntitlements' && !path.includes('NextToken') ? { ...request, NextToken: undefined } : request,
    );
    expect([body.__type, String(body.message).toLowerCase()]).toEqual([
      'SerializationException',
      expect.stringContaining(String(path.at(-1)).toLowerCase()),
    ]);
  });

  it.each(inputMembers.filter(({ required }) => required))(
    'does not go on without $name $at',
    async ({ name, path }) => {
      const { url, requests } = await started;
      const { body } = await post(url, name, changed(requests[name], path, undefined) as Wire);
      const errors = [
        'ValidationException',
        'InvalidParameterException',
        'InvalidLookupAttributesException',
        'InvalidTagException',
      ];
      expect(errors).toContain(body.__type);
    },
  );

  it('takes each value of the enumerations', async () => {
    const { url, requests } = await started;
    for (const key of Object.values(entitlement.GetEntitlementFilterName)) {
      const request = { ...requests.GetEntitlements, NextToken: undefined, Filter: { [key]: ['1'] } };
      expect([key, (await post(url, 'GetEntitlements', request)).status]).toEqual([key, 200]);
    }
    for (const key of Object.values(cloudTrail.LookupAttributeKey)) {
      const request = { LookupAttributes: [{ AttributeKey: key, AttributeValue: 'x' }] };
      expect([key, (await post(url, 'LookupEvents', request)).status]).toEqual([key, 200]);
    }
  });
});

/** Adds the paths of the members that a value has; a member that the model does not know ends in `?`. */
function note(schema: NormalizedSchema, value: unknown, path: string, seen: Set<string>): void {
  if (schema.isListSchema()) for (const item of value as unknown[]) note(schema.getValueSchema(), item, path, seen);
  if (!schema.isStructSchema()) return;
  const members = new Map(schema.structIterator());
  for (const [name, member] of Object.entries(value as Wire)) {
    const known = members.get(name);
    seen.add(`${path}.${name}${known ? '' : '?'}`);
    if (known) note(known, member, `${path}.${name}`, seen);
  }
}

describe('the model of the SDK: answers', () => {
  it('has every member of every answer, and no other', async () => {
    const { sim, client, entitlements, agreement, record, meter } = await startMetering(
      { switches: { cloudTrailDelayMs: 0 } },
      'legacy',
    );
    const { productCode, customerIdentifier, licenseArn } = agreement;
    const full = { Quantity: 5, UsageAllocations: [allocation] };
    await meter(
      record(full),
      record({
        ...full,
        CustomerAWSAccountId: undefined,
        CustomerIdentifier: customerIdentifier,
        Dimension: 'gigabytes',
      }),
    );
    sim.faults.add({ kind: 'unprocessed', count: 2 });
    await meter(
      record(full),
      record({ ...full, CustomerAWSAccountId: undefined, CustomerIdentifier: customerIdentifier }),
    );
    await client.send(new metering.BatchMeterUsageCommand({ UsageRecords: [record({ LicenseArn: licenseArn })] }));
    await client.send(new metering.BatchMeterUsageCommand({ UsageRecords: [record({ LicenseArn: licenseArn })] }));
    await client.send(new metering.ResolveCustomerCommand({ RegistrationToken: sim.registrationToken(agreement) }));
    sim.setEntitlements(
      agreement,
      [1, 1.5, true, 'gold'].map((value) => ({
        dimension: 'seats',
        value,
        expiresAt: new Date(noon.getTime() + hourMs),
      })),
    );
    await entitlements.send(new entitlement.GetEntitlementsCommand({ ProductCode: productCode }));
    await entitlements.send(new entitlement.GetEntitlementsCommand({ ProductCode: productCode, MaxResults: 1 }));
    await post(sim.url, 'LookupEvents', { MaxResults: 1 });
    const container = await startSoftware('ecs');
    container.sim.rotatePublicKey(container.listing.productCode);
    await container.meter();
    await container.client.send(
      new metering.RegisterUsageCommand({ ProductCode: container.listing.productCode, PublicKeyVersion: 1 }),
    );
    const seen = new Set<string>();
    for (const call of [...sim.calls(), ...container.sim.calls()]) {
      note(normalized(operationOf(call.operation as Operation)[5]()), call.response, call.operation, seen);
    }
    const expected = (Object.keys(whole('')) as Operation[]).flatMap((name) =>
      membersOf(normalized(operationOf(name)[5]())).map(({ path }) =>
        [name, ...path.filter((part) => part !== 0)].join('.'),
      ),
    );
    // No resource of the metering service stands in CloudTrail.
    expect([...seen].sort()).toEqual(
      [...new Set(expected)].filter((path) => !path.startsWith('LookupEvents.Events.Resources.')).sort(),
    );
  });

  it('knows the statuses of records', () => {
    expect(Object.values(metering.UsageRecordResultStatus).sort()).toEqual([
      'CustomerNotSubscribed',
      'DuplicateRecord',
      'Success',
    ]);
  });
});

const source = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');

describe('the model of the SDK: errors', () => {
  const simulator = ['wire', 'operations']
    .map((room) => source(join(import.meta.dirname, `../src/${room}`)))
    .join('\n');
  const ours = new Set([...simulator.matchAll(/'([A-Z]\w+Exception)'/g)].map(([, name = '']) => name));
  const modelled = Object.values(packages).flatMap(({ sdk }) => schemasOf<StructureSchema>(sdk, -3));
  const names = modelled.filter(([, namespace]) => namespace.startsWith('com.amazonaws.')).map(([, , name]) => name);

  it('plays every error of the metering and the entitlement service', () => {
    expect(names.filter((name) => !ours.has(name))).toEqual([]);
  });

  it('invents none: what the models lack is common to AWS services, of CloudTrail or the Agreement API, or in a text of AWS', () => {
    const common = [
      ...[
        'AccessDeniedException',
        'IncompleteSignatureException',
        'InvalidSignatureException',
        'MissingAuthenticationTokenException',
      ],
      ...['SerializationException', 'UnknownOperationException', 'UnrecognizedClientException', 'ValidationException'],
    ];
    // The second and third: only in the seller guide's prose (switch `registerUsageErrors`).
    const inTheText = ['UnauthorizedException', 'CustomerNotSubscribedException', 'InvalidPublicKeyException'];
    const others = [cloudTrail, agreement].flatMap((sdk) =>
      schemasOf<StructureSchema>(sdk as Record<string, unknown>, -3),
    );
    const trail = others.map(([, , name]) => name);
    expect([...ours].filter((name) => ![...names, ...common, ...inTheText, ...trail].includes(name))).toEqual([]);
  });

  it('answers them with the status of the model', () => {
    const statuses = modelled.map(([, , name, traits]) => [name, (traits as { httpError?: number }).httpError]);
    expect(statuses.filter(([, status]) => status !== undefined)).toEqual([['IdempotencyConflictException', 409]]);
  });
});

describe('the texts of the SDK', () => {
  const texts = (folder: string): string =>
    source(join(import.meta.dirname, `../../../node_modules/@aws-sdk/${folder}/dist-types`))
      .replace(/^\s*\* ?/gm, ' ')
      .replace(/<[^>]+>/g, '')
      .replace(/\s+/g, ' ');
  const limits: [keyof typeof packages, string, boolean][] = [
    ['metering', 'can process up to 25 UsageRecords at a time', true],
    ['metering', 'each request must be less than 1 MB in size', defaultSwitches.bodyLimitBytes === 1_000_000],
    ['metering', 'can meter usage for up to 24 hours in the past', defaultSwitches.lateWindowHours === 24],
    ['metering', 'before 06:00 UTC on the first day of the next month', defaultSwitches.monthEndGrace === 'capOnly'],
    ['metering', 'usage for up to six hours in the past', defaultSwitches.meterUsageWindowHours === 6],
    [
      'metering',
      'had the same customer, dimension, and time, but a different quantity',
      defaultSwitches.identicalResend === 'success',
    ],
    ['metering', 'if any of the records are outside of the allowed range, the entire batch is not processed', true],
    [
      'metering',
      'matches the customer, and usage is within the license activation period',
      defaultSwitches.usageAfterEnd === 'InvalidLicenseException',
    ],
    ['metering', 'The tag is invalid, or the number of tags is greater than 5', true],
    [
      'metering',
      'If you don’t register the container within the first 6 hours of the launch',
      defaultSwitches.containerTimeFrom === 'launch',
    ],
    ['metering', 'A minimum of 1 minute of usage applies', true],
    ['metering', 'is rounded down to the hour and used to enforce this once-per-hour rule', true],
    ['metering', 'returns DryRunOperation; otherwise, it returns UnauthorizedException', true],
    ['entitlement', 'CustomerIdentifier and CustomerAWSAccountId are mutually exclusive parameters', true],
    [
      'entitlement',
      'Filtered requests are unioned for each value in the value list, and then intersected for each filter key',
      true,
    ],
    [
      'entitlement',
      'If the result contains an empty set of entitlements, NextToken might still be present',
      defaultSwitches.emptyEntitlementPages === 'none',
    ],
  ];

  it.each(limits)('%s: "%s"', (name, sentence, readAs) => {
    expect({ said: texts(packages[name].folder).includes(sentence), readAs }).toEqual({ said: true, readAs: true });
  });
});
