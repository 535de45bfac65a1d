import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { type ContainerTime } from './container-time.js';
import { type ProductKeys } from './product-keys.js';
import { ServiceError } from '../wire/service-error.js';
import { type SoftwareAdmission } from './software-admission.js';
import { productCodeRule } from '../wire/usage-record.js';

export interface RegisterUsageOutput {
  /** A JWT. */
  Signature: string;
  /** Epoch seconds; only where the key version asked for has been replaced. */
  PublicKeyRotationTimestamp?: number;
}

const platforms: readonly string[] = ['ecs', 'eks', 'fargate'];

/**
 * RegisterUsage [SDK-M]: an hourly container says that it runs, and gets a proof that its buyer is subscribed. AWS
 * meters the time by itself.
 */
export class RegisterUsage implements ApiHandler {
  constructor(
    private readonly admission: SoftwareAdmission,
    private readonly keys: ProductKeys,
    private readonly time: ContainerTime,
  ) {}

  execute({ input, caller, region, now }: OperationCall): RegisterUsageOutput {
    const productCode = input.required('ProductCode', input.text('ProductCode', productCodeRule));
    const version = input.required(
      'PublicKeyVersion',
      input.integer('PublicKeyVersion', { min: 1, max: 2_147_483_647 }),
    );
    const nonce = input.text('Nonce', { max: 255 });
    if (!caller.resource || !platforms.includes(caller.resource.platform)) {
      throw new ServiceError(
        'PlatformNotSupportedException',
        'RegisterUsage is for containers on Amazon ECS, Amazon EKS and Fargate.',
      );
    }
    const resource = this.admission.workloadOf(caller);
    if (!resource) throw this.admission.notTheWorkload();
    if (resource.region !== region)
      throw new ServiceError('InvalidRegionException', `The container runs in ${resource.region}, not in ${region}.`);
    if (!this.admission.metersIn(resource.platform, region))
      throw new ServiceError('DisabledApiException', `The API is disabled in ${region}.`);
    const listing = this.admission.listing(productCode, ['container']);
    const claims = {
      ProductCode: productCode,
      PublicKeyVersion: version,
      ...(nonce !== undefined && { Nonce: nonce }),
    };
    const { jwt, rotatedAt } = this.keys.sign(productCode, version, {
      ...claims,
      iat: Math.floor(now.getTime() / 1000),
    });
    const agreement = this.admission.admit(resource, listing, now, true);
    if (agreement) {
      const { resourceId } = resource;
      this.time.register({
        resourceId,
        productCode,
        agreementId: agreement.agreementId,
        registeredAt: now.toISOString(),
      });
    }
    return { Signature: jwt, ...(rotatedAt && { PublicKeyRotationTimestamp: rotatedAt.getTime() / 1000 }) };
  }
}
