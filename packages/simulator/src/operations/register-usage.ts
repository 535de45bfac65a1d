import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { type ContainerTime } from './container-time.js';
import { type ProductKeys } from './product-keys.js';
import { ServiceError } from '../wire/service-error.js';
import { type SoftwareAdmission } from './software-admission.js';
import { type Switches } from '../switches.js';
import { forgedSignature, signatureOf } from './usage-signature.js';
import { productCodeRule } from '../wire/usage-record.js';

export interface RegisterUsageOutput {
  /** A JWT. Absent only by a forgery. */
  Signature?: string;
  /** Epoch seconds; only where the key version asked for has been replaced. */
  PublicKeyRotationTimestamp?: number;
}

/** Names that only the seller guide's prose has. */
const proseNames: Readonly<Record<string, string>> = {
  CustomerNotEntitledException: 'CustomerNotSubscribedException',
  InvalidPublicKeyVersionException: 'InvalidPublicKeyException',
};

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
    private readonly switches: Readonly<Switches>,
  ) {}

  execute(call: OperationCall): RegisterUsageOutput {
    try {
      return this.#register(call);
    } catch (error) {
      const name = error instanceof ServiceError ? proseNames[error.name] : undefined;
      if (name === undefined || this.switches.registerUsageErrors === 'model') throw error;
      throw new ServiceError(name, (error as ServiceError).message);
    }
  }

  #register({ input, caller, region, now, drawForgery }: OperationCall): RegisterUsageOutput {
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
    if (!resource) throw this.admission.notTheWorkload('RegisterUsage');
    if (resource.region !== region)
      throw new ServiceError('InvalidRegionException', `The container runs in ${resource.region}, not in ${region}.`);
    if (!this.admission.metersIn(resource.platform, region))
      throw new ServiceError('DisabledApiException', `The API is disabled in ${region}.`);
    const listing = this.admission.listing(productCode, ['container']);
    const key = this.keys.signing(productCode, version);
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
    const registered = { productCode, version, nonce, at: now };
    const forgery = drawForgery();
    const signature = forgery
      ? forgedSignature(forgery, registered, { key, other: this.keys.foreign() }, this.switches)
      : signatureOf(registered, key, this.switches);
    const { rotatedAt } = key;
    return {
      ...(signature !== undefined && { Signature: signature }),
      ...(rotatedAt && { PublicKeyRotationTimestamp: rotatedAt.getTime() / 1000 }),
    };
  }
}
