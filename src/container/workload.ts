import { type CredentialsProvider } from '../options/aws-options.js';
import { type Platform } from './metering-regions.js';

/** What this process runs on, as far as the start needs it. */
export interface Workload {
  platform: Platform;
  region: string;
  /** Of the pod, on EKS, from the token of its service account. */
  podUid: string | null;
  /** The role that signs, in words for a sentence. */
  says: string;
  credentials: CredentialsProvider;
  /** What somebody should know: other credentials beside, a region that disagrees or that no list has. */
  notes: string[];
}
