import { type CredentialSource } from '../wire/compute-resource.js';

/** What software finds around it where it runs. What is left out is as AWS has it by default. */
export interface EnvironmentOptions {
  /**
   * The variables AWS_REGION and AWS_DEFAULT_REGION: another region than the resource's, as an image that was built
   * with one has it, or `absent`. Default: the resource's on ECS and EKS, absent on EC2.
   */
  regionVariable?: string;
  /**
   * ECS: whether the task's metadata name its AvailabilityZone, which they do since agent 1.34.0 only. Default true.
   */
  availabilityZone?: boolean;
  /**
   * The instance's metadata service: it answers (`on`); it never answers the PUT for a token, as seen from a container
   * behind the hop limit of one that hardened instances have (`hopLimit1`), and wants that token; it is turned `off`
   * (HTTP 403); or nothing listens there (`unreachable`). Default `on` on EC2 and AgentCore and for the credentials of a
   * node, `hopLimit1` in other containers, `unreachable` on Fargate.
   */
  instanceMetadata?: 'on' | 'hopLimit1' | 'off' | 'unreachable';
  /**
   * IRSA: the token's file is there, is not (`missing`), or belongs to somebody else (`unreadable`; root reads it all
   * the same). Default `present`.
   */
  tokenFile?: 'present' | 'missing' | 'unreadable';
  /** IRSA: whether the role trusts the service account. Default `granted`. */
  assumeRole?: 'granted' | 'denied';
  /** Further credentials that are there beside those of the resource. Default: none. */
  besides?: readonly CredentialSource[];
}

/** Environment variables by name. */
export type EnvironmentVariables = Record<string, string>;
