import { type ComputeResource } from '../wire/compute-resource.js';

/** The task metadata endpoint of ECS, version 4: of the container, and at `/task` of its task. */
export class TaskMetadata {
  readonly path: string;

  constructor(
    private readonly resource: ComputeResource,
    private readonly availabilityZone: boolean,
  ) {
    this.path = `/v4/${taskIdOf(resource)}-1234567890`;
  }

  /** The document at this path, or undefined. */
  documentAt(path: string): object | undefined {
    if (path === this.path) return this.#container();
    return path === `${this.path}/task` ? this.#task() : undefined;
  }

  #task(): object {
    const { resource } = this;
    const startedAt = resource.launchedAt.toISOString();
    return {
      Cluster: clusterArnOf(resource),
      TaskARN: resource.resourceId,
      Family: 'app',
      Revision: '1',
      DesiredStatus: 'RUNNING',
      KnownStatus: 'RUNNING',
      PullStartedAt: startedAt,
      PullStoppedAt: startedAt,
      ...(this.availabilityZone && { AvailabilityZone: `${resource.region}a` }),
      LaunchType: resource.platform === 'fargate' ? 'FARGATE' : 'EC2',
      Containers: [this.#container()],
    };
  }

  #container(): object {
    const { resource } = this;
    const startedAt = resource.launchedAt.toISOString();
    return {
      DockerId: `${taskIdOf(resource)}-1234567890`,
      Name: 'app',
      DockerName: 'ecs-app-1-app',
      Image: 'app:latest',
      Labels: {
        'com.amazonaws.ecs.cluster': clusterArnOf(resource),
        'com.amazonaws.ecs.container-name': 'app',
        'com.amazonaws.ecs.task-arn': resource.resourceId,
        'com.amazonaws.ecs.task-definition-family': 'app',
        'com.amazonaws.ecs.task-definition-version': '1',
      },
      DesiredStatus: 'RUNNING',
      KnownStatus: 'RUNNING',
      Limits: { CPU: 2 },
      CreatedAt: startedAt,
      StartedAt: startedAt,
      Type: 'NORMAL',
      ContainerARN: `${resource.resourceId.replace(':task/', ':container/')}/app`,
      Networks: [{ NetworkMode: 'awsvpc', IPv4Addresses: ['10.0.0.10'] }],
    };
  }
}

function taskIdOf({ resourceId }: ComputeResource): string {
  return resourceId.slice(resourceId.lastIndexOf('/') + 1);
}

function clusterArnOf({ region, accountId }: ComputeResource): string {
  return `arn:aws:ecs:${region}:${accountId}:cluster/default`;
}
