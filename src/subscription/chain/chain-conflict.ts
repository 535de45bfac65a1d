import { type LedgerSql } from '../../database/ledger-database.js';
import { type Alert } from '../../events/alert-board.js';
import { type AlertKind } from '../../events/alert-catalogue.js';
import { type JoiningConflict } from '../agreements/joining-rule.js';
import { type BuyerChains } from './buyer-chains.js';
import { type ChainReading, tenantsOf } from './chain-reading.js';

export const CONFLICT_KINDS = ['chainConflict', 'concurrentAgreements'] as const satisfies readonly AlertKind[];

const WORDS: Readonly<Record<JoiningConflict['kind'], string>> = {
  fork: 'two agreements both say that they follow the same one',
  merge: 'one agreement is said to follow two',
  twoTenants: 'they are one relation by the words of AWS, but two tenants have claimed them',
  concurrent: 'two agreements of the buyer run at the same time',
};

/** What a person must know or decide about the chains of a buyer. */
export function conflictsOf(chains: BuyerChains, { joining }: ChainReading): Alert[] {
  const { productCode, buyerId, agreements } = chains;
  const subscriptionOf = new Map(agreements.map((row) => [row.id, row.subscriptionId]));
  const subject = `${productCode} ${buyerId}`;
  const about = (conflicts: readonly JoiningConflict[]): string[] => [
    ...new Set(
      conflicts.flatMap(({ agreementIds }) =>
        agreementIds.map((id) => subscriptionOf.get(id)).filter((id) => typeof id === 'string'),
      ),
    ),
  ];
  // Several agreements side by side are nothing unusual; only a tenant who has several must say which one pays.
  const concurrent = joining.conflicts.filter(
    (conflict) => conflict.kind === 'concurrent' && hasOneTenantTwice(about([conflict]), chains),
  );
  const others = [...joining.conflicts.filter(({ kind }) => kind !== 'concurrent'), ...contestedOf(chains)];
  const alerts: Alert[] = [];
  if (others.length > 0) {
    const why = [...new Set(others.map(({ kind }) => WORDS[kind]))].join('; ');
    alerts.push({
      ...{ kind: 'chainConflict', subject, severity: 'critical', details: { subscriptionIds: about(others) } },
      message:
        `Subscriptions ${about(others).join(', ')} of one buyer of product ${productCode} stay apart: ${why}. ` +
        'Usage recorded under both may be billed ' +
        'twice: record under one of them only, and compare their agreements in the AWS Marketplace Management Portal.',
    });
  }
  if (concurrent.length > 0) {
    alerts.push({
      ...{
        kind: 'concurrentAgreements',
        subject,
        severity: 'warning',
        details: { subscriptionIds: about(concurrent) },
      },
      message:
        `${WORDS.concurrent[0]?.toUpperCase() ?? ''}${WORDS.concurrent.slice(1)} at product ${productCode}: ` +
        `subscriptions ${about(concurrent).join(', ')}. Say which one ` +
        'pays for what: subscriptionId beside the tenant when recording, choosePayer, or products[].onSeveral ' +
        '"paidFirst".',
    });
  }
  return alerts;
}

function hasOneTenantTwice(subscriptionIds: readonly string[], chains: BuyerChains): boolean {
  const tenants = subscriptionIds.flatMap((id) => tenantsOf(id, chains));
  return new Set(tenants).size < tenants.length;
}

/** A first claim that was open in a host's transaction while its subscription was folded into one of another tenant. */
function contestedOf(chains: BuyerChains): JoiningConflict[] {
  return chains.subscriptions.flatMap(({ id }) => {
    const ids = chains.subscriptions.filter((other) => (other.aliasOf ?? other.id) === id).map((other) => other.id);
    const first = chains.claims.filter(({ subscriptionId, since }) => since === null && ids.includes(subscriptionId));
    const agreementIds = chains.agreements.filter((row) => row.subscriptionId === id).map((row) => row.id);
    return new Set(first.map(({ tenantId }) => tenantId)).size > 1
      ? [{ kind: 'twoTenants' as const, agreementIds }]
      : [];
  });
}

/** A product that nobody lists any more holds no alert open. */
export async function resolveConflictsOfUnlisted(
  sql: LedgerSql,
  sellerAccount: string,
  listed: readonly string[],
  now: Date,
): Promise<void> {
  await sql.query(
    `UPDATE marketplace.alert SET resolved_at = $4 WHERE seller_account = $1 AND kind = ANY ($2) AND resolved_at IS NULL
       AND NOT (split_part(subject, ' ', 1) = ANY ($3))`,
    [sellerAccount, CONFLICT_KINDS, listed, now.toISOString()],
  );
}
