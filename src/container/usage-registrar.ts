import cluster from 'node:cluster';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { StartCheckGateway } from '../aws/start-check-gateway.js';
import { StartRefusedError } from '../errors/start-refused-error.js';
import { type ResolvedOptions, type ResolvedProduct } from '../options/resolved-options.js';
import { crashPoint } from '../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { verifyProof } from './registration-proof.js';
import { refusalOf } from './refusal-text.js';
import { type CheckOutcome } from './start-check.js';
import { verdictOn } from './start-refusal.js';
import { type CallAnswer, meetingPlace, type SharedAnswer, sharedNonce, WorkerRound } from './worker-round.js';
import { type Workload } from './workload.js';

/** Siblings come up within moments of each other. */
const GATHER_MS = 3000;

export type RegisteringProduct = ResolvedProduct & { registerUsage: NonNullable<ResolvedProduct['registerUsage']> };

/**
 * RegisterUsage, once per process group: AWS says whether the buyer is subscribed, and bills the container's hours from
 * then on by itself. Its signature is the proof, made for our nonce and checked with the seller's key.
 */
@Injectable()
export class UsageRegistrar {
  private readonly logger = new Logger('MarketplaceContainer');
  private readonly rounds = new Map<string, WorkerRound>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly gateway: StartCheckGateway,
  ) {}

  /** One try. Never throws for what AWS, the network or another worker does. */
  async register(product: RegisteringProduct, workload: Workload): Promise<CheckOutcome> {
    const round = this.roundOf(product, workload);
    const { startJitterMs } = this.options.container;
    const gatherMs = (round.isShared ? GATHER_MS : 0) + Math.random() * startJitterMs;
    const answer = await round.ask(gatherMs, (nonce) => this.call(product, workload, nonce));
    if (answer.kind === 'waiting')
      return { kind: 'failed', why: 'another worker of this process group is still trying' };
    return answer.kind === 'answered' ? this.judge(product, round, answer) : answer;
  }

  /** Lets siblings that wait for us go their own way. */
  leave(): void {
    for (const round of this.rounds.values()) round.leave();
  }

  private roundOf({ productCode }: RegisteringProduct, { region, podUid }: Workload): WorkerRound {
    const known = this.rounds.get(productCode);
    if (known) return known;
    const place = meetingPlace(cluster.isWorker, process.ppid, [productCode, region, podUid ?? '']);
    const round = new WorkerRound(place);
    this.rounds.set(productCode, round);
    return round;
  }

  /** By each version of the key, oldest first, until AWS signs with one. */
  private async call(
    product: RegisteringProduct,
    workload: Workload,
    nonce: string,
  ): Promise<CallAnswer | CheckOutcome> {
    const { productCode } = product;
    const versions = versionsOf(product);
    for (const publicKeyVersion of versions) {
      crashPoint('register.beforeCall');
      const answer = await this.gateway.registerUsage({
        ...{ region: workload.region, productCode, publicKeyVersion, nonce },
        timeoutMs: this.options.submission.requestTimeoutMs,
      });
      crashPoint('register.afterCall');
      if (answer.kind === 'answered') {
        if (answer.rotatedAt) this.tellRotation(productCode, publicKeyVersion, versions, answer.rotatedAt);
        return { kind: 'answered', publicKeyVersion, signature: answer.signature };
      }
      const verdict = verdictOn(answer.failure);
      if (verdict.kind === 'retry')
        return { kind: 'failed', why: `${answer.failure.code}: ${answer.failure.message}`, failure: answer.failure };
      if (verdict.kind === 'refused')
        return {
          kind: 'refused',
          error: refusalOf(verdict.code, 'RegisterUsage', productCode, workload, answer.failure),
        };
    }
    const next = (versions.at(-1) ?? 0) + 1;
    const message =
      `AWS Marketplace signs with version ${versions.join(', ')} of the public key of ${productCode} no more. Install a ` +
      `newer release of the software; its seller adds version ${next} to registerUsage.publicKeys.`;
    return { kind: 'refused', error: new StartRefusedError('PUBLIC_KEY_REFUSED', message) };
  }

  private judge(product: RegisteringProduct, round: WorkerRound, answer: SharedAnswer): CheckOutcome {
    const { productCode, registerUsage } = product;
    const { publicKeyVersion, signature, nonces } = answer;
    const key = registerUsage.publicKeys[String(publicKeyVersion)];
    const verdict =
      key === undefined || !nonces.includes(round.nonce)
        ? { kind: 'refused' as const, why: 'it answers another call: our nonce is not in it' }
        : verifyProof(signature, key, { productCode, publicKeyVersion, nonce: sharedNonce(nonces) });
    crashPoint('register.verified');
    if (verdict.kind === 'holds') return { kind: 'passed', detail: `registered with key version ${publicKeyVersion}` };
    const message =
      `What answered RegisterUsage for ${productCode} is not AWS Marketplace's answer to this call: ${verdict.why}. Let ` +
      'the software reach the metering endpoint of AWS itself, without a proxy that answers for it.';
    return { kind: 'refused', error: new StartRefusedError('SIGNATURE_REFUSED', message) };
  }

  private tellRotation(productCode: string, version: number, versions: readonly number[], at: Date): void {
    const newer = versions.filter((one) => one > version);
    this.logger.warn(
      `AWS has replaced version ${version} of the public key of ${productCode} at ${at.toISOString()}, and will refuse it ` +
        (newer.length > 0
          ? `one day; version ${newer.join(', ')} is configured and will be used then.`
          : `one day: the seller must add version ${version + 1} to registerUsage.publicKeys before.`),
    );
  }
}

/** Configured versions, oldest first. */
function versionsOf({ registerUsage }: RegisteringProduct): number[] {
  return Object.keys(registerUsage.publicKeys)
    .map(Number)
    .sort((a, b) => a - b);
}
