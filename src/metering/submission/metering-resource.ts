/**
 * What meters usage in a buyer's account: an EC2 instance, an ECS task or an EKS pod. AWS takes one MeterUsage record
 * per dimension, hour and resource, and learns which resource calls from the signed role session; no call names it.
 */
export interface MeteringResource {
  /** AWS's name of it: instance id, task ARN, pod UID. One that is started anew is another resource. */
  id: string;
  /** The region in which it runs. MeterUsage takes calls of a resource in no other. */
  region: string;
  /** When it started. No record may be dated before. */
  startedAt: Date;
}

/** Learns on which resource this process runs; asked as often as one likes, it looks once. */
export type MeteringResourceSource = () => Promise<MeteringResource>;

/** Injection token of the `MeteringResourceSource`. */
export const METERING_RESOURCE = Symbol('marketplace-metering:metering-resource');
