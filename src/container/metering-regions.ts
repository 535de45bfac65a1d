/**
 * Where AWS's texts say that software can meter itself [API reference of MeterUsage and RegisterUsage]. Data, and no
 * rule: the lists grow, so a region that is missing here is worth a warning, and AWS's own answer decides.
 */
const GOV_CLOUD = ['us-gov-east-1', 'us-gov-west-1'];

const COMMERCIAL = [
  ...['af-south-1', 'ap-east-1', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-south-2'],
  ...['ap-southeast-1', 'ap-southeast-2', 'ap-southeast-3', 'ap-southeast-4', 'ca-central-1', 'eu-central-1'],
  ...['eu-central-2', 'eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'il-central-1'],
  ...['me-central-1', 'me-south-1', 'sa-east-1', 'us-east-1', 'us-east-2', 'us-west-1', 'us-west-2'],
];

const EKS = [
  ...['ap-east-1', 'ap-northeast-1', 'ap-northeast-2', 'ap-south-1', 'ap-southeast-1', 'ap-southeast-2'],
  ...['ca-central-1', 'eu-central-1', 'eu-north-1', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'sa-east-1', 'us-east-1'],
  ...['us-east-2', 'us-west-1', 'us-west-2'],
];

/** By platform; of AgentCore AWS lists none. */
export const METERING_REGIONS: Readonly<Record<Platform, readonly string[] | null>> = {
  ec2: [...COMMERCIAL, ...GOV_CLOUD],
  ecs: COMMERCIAL,
  eks: EKS,
  agentcore: null,
};

/** What a workload runs on. */
export type Platform = 'ec2' | 'ecs' | 'eks' | 'agentcore';
