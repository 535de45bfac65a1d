import { type Entitlement, type GetEntitlementsRequest } from '@aws-sdk/client-marketplace-entitlement-service';
import { Injectable } from '@nestjs/common';
import { mainRegionOf } from '../options/partition.js';
import { AwsClients } from './aws-clients.js';
import { type CallFailure, pagesWithoutEnd } from './aws-error.js';
import { PacedCalls, type Patience } from './paced-calls.js';

/** Whose entitlements: one license, or one customer. The two names of a customer exclude each other [API reference]. */
export type EntitlementHolder =
  { licenseArn: string } | { customerAwsAccountId: string } | { customerIdentifier: string };

/** One entitlement as AWS holds it, with the parts that the model leaves optional guarded. */
export interface HeldEntitlement {
  dimension: string;
  /** Null when AWS named none. */
  value: number | boolean | string | null;
  /** The earliest end; with automatic renewal, the date of the renewal. */
  expiresAt: Date | null;
  licenseArn: string | null;
  customerAwsAccountId: string | null;
}

export type EntitlementAnswer =
  { kind: 'answered'; entitlements: HeldEntitlement[] } | { kind: 'failed'; failure: CallFailure };

const PAGES_MAX = 400;

/** GetEntitlements, all pages: an empty page may still be followed by another. Never throws for what AWS does. */
@Injectable()
export class EntitlementGateway {
  constructor(
    private readonly clients: AwsClients,
    private readonly calls: PacedCalls,
  ) {}

  async get(
    region: string,
    productCode: string,
    holder: EntitlementHolder,
    patience: Patience = {},
  ): Promise<EntitlementAnswer> {
    const entitlements: HeldEntitlement[] = [];
    let nextToken: string | undefined;
    for (let page = 1; page <= PAGES_MAX; page += 1) {
      const request: GetEntitlementsRequest = {
        ProductCode: productCode,
        Filter: filterOf(holder),
        ...(nextToken === undefined ? {} : { NextToken: nextToken }),
      };
      const answer = await this.calls.ask(
        'GetEntitlements',
        mainRegionOf(region),
        async (leave, abortSignal) => {
          const { GetEntitlementsCommand } = await import('@aws-sdk/client-marketplace-entitlement-service');
          const command = new GetEntitlementsCommand(request);
          leave(command);
          return (await this.clients.entitlement(region)).send(command, { abortSignal });
        },
        patience,
      );
      if (answer.kind === 'failed') return answer;
      entitlements.push(...(answer.output.Entitlements ?? []).flatMap(heldOf));
      nextToken = answer.output.NextToken;
      if (nextToken === undefined || nextToken === '') return { kind: 'answered', entitlements };
    }
    return { kind: 'failed', failure: pagesWithoutEnd(PAGES_MAX, 'entitlements') };
  }
}

function filterOf(holder: EntitlementHolder): NonNullable<GetEntitlementsRequest['Filter']> {
  if ('licenseArn' in holder) return { LICENSE_ARN: [holder.licenseArn] };
  if ('customerAwsAccountId' in holder) return { CUSTOMER_AWS_ACCOUNT_ID: [holder.customerAwsAccountId] };
  return { CUSTOMER_IDENTIFIER: [holder.customerIdentifier] };
}

function heldOf(entitlement: Entitlement): HeldEntitlement[] {
  const { Dimension: dimension, Value: value, ExpirationDate: expiresAt, LicenseArn: licenseArn } = entitlement;
  if (dimension === undefined || dimension === '') return [];
  return [
    {
      dimension,
      value: value?.IntegerValue ?? value?.DoubleValue ?? value?.BooleanValue ?? value?.StringValue ?? null,
      expiresAt: expiresAt ?? null,
      licenseArn: licenseArn ?? null,
      customerAwsAccountId: entitlement.CustomerAWSAccountId ?? null,
    },
  ];
}
