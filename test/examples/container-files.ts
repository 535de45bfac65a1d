import { z } from 'zod';

// The shapes of the files in examples/container, as far as these use them, closed: a member that the platform does not
// know, or that stands in the wrong place, is a fault. After the API references of Kubernetes 1.32 and of Amazon ECS.

const name = z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
const metadata = z.strictObject({
  name,
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const labels = z.strictObject({ matchLabels: z.record(z.string(), z.string()) });
const port = z.int().min(1).max(65_535);
const cpuOrMemory = z.string().regex(/^\d+(m|Mi|Gi)?$/);
const resources = z.strictObject({
  requests: z.strictObject({
    cpu: cpuOrMemory.optional(),
    memory: cpuOrMemory.optional(),
    storage: cpuOrMemory.optional(),
  }),
});
const securityContext = z.strictObject({
  runAsNonRoot: z.boolean().optional(),
  runAsUser: z.int().min(1).optional(),
  runAsGroup: z.int().min(1).optional(),
});
const probe = z
  .strictObject({
    httpGet: z.strictObject({ path: z.string().startsWith('/'), port }).optional(),
    exec: z.strictObject({ command: z.array(z.string()).min(1) }).optional(),
    periodSeconds: z.int().min(1),
    failureThreshold: z.int().min(1).optional(),
  })
  .refine(({ httpGet, exec }) => (httpGet === undefined) !== (exec === undefined), 'one way to ask');
const variable = z
  .strictObject({
    name: z.string().regex(/^[A-Z_][A-Z0-9_]*$/),
    value: z.string().optional(),
    valueFrom: z.strictObject({ secretKeyRef: z.strictObject({ name, key: z.string() }) }).optional(),
  })
  .refine(
    ({ value, valueFrom }) => (value === undefined) !== (valueFrom === undefined),
    'a value, or where it is from',
  );
/** With a version that stays what it was. */
const image = z.string().regex(/^[^\s:]+:(?!latest$)(<version>|[\w.-]+)$/);
const container = {
  name,
  image,
  args: z.array(z.string()).optional(),
  env: z.array(variable).optional(),
  volumeMounts: z.array(z.strictObject({ name, mountPath: z.string().startsWith('/') })).optional(),
  ports: z.array(z.strictObject({ containerPort: port })).optional(),
  securityContext: securityContext.optional(),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  resources,
};

export const serviceAccount = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('ServiceAccount'),
  metadata,
});
export const secret = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Secret'),
  metadata,
  stringData: z.record(z.string(), z.string()),
});
export const service = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata,
  spec: z.strictObject({
    selector: z.record(z.string(), z.string()),
    ports: z.array(z.strictObject({ port, targetPort: port })).min(1),
  }),
});
export const statefulSet = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('StatefulSet'),
  metadata,
  spec: z.strictObject({
    serviceName: name,
    replicas: z.int().min(0),
    selector: labels,
    template: z.strictObject({
      metadata: z.strictObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.strictObject({
        serviceAccountName: name,
        terminationGracePeriodSeconds: z.int().min(0),
        securityContext: securityContext.extend({ fsGroup: z.int().min(1).optional() }),
        // `restartPolicy: Always` makes a sidecar of it: Kubernetes 1.29.
        initContainers: z.array(z.strictObject({ ...container, restartPolicy: z.literal('Always') })),
        containers: z.array(z.strictObject(container)).min(1),
      }),
    }),
    volumeClaimTemplates: z.array(
      z.strictObject({
        metadata,
        spec: z.strictObject({
          accessModes: z.array(z.enum(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'])).min(1),
          storageClassName: z.string(),
          resources,
        }),
      }),
    ),
  }),
});
export const kubernetes = z.discriminatedUnion('kind', [serviceAccount, secret, service, statefulSet]);

const healthCheck = z.strictObject({
  command: z.tuple([z.enum(['CMD', 'CMD-SHELL'])], z.string()),
  interval: z.int().min(5).max(300).optional(),
  timeout: z.int().min(2).max(60).optional(),
  retries: z.int().min(1).max(10).optional(),
  startPeriod: z.int().min(0).max(300).optional(),
});
/** RegisterTaskDefinition. */
export const taskDefinition = z.strictObject({
  family: z.string().regex(/^[\w-]{1,255}$/),
  requiresCompatibilities: z.array(z.enum(['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES'])),
  networkMode: z.enum(['bridge', 'host', 'awsvpc', 'none']),
  cpu: z.string().regex(/^\d+$/),
  memory: z.string().regex(/^\d+$/),
  taskRoleArn: z.string().startsWith('arn:aws:iam::'),
  executionRoleArn: z.string().startsWith('arn:aws:iam::'),
  volumes: z.array(
    z.strictObject({
      name: z.string(),
      dockerVolumeConfiguration: z.strictObject({
        scope: z.enum(['task', 'shared']),
        autoprovision: z.boolean(),
        driver: z.string(),
      }),
    }),
  ),
  containerDefinitions: z.array(
    z.strictObject({
      name: z.string().regex(/^[\w-]{1,255}$/),
      image,
      essential: z.boolean(),
      command: z.array(z.string()).optional(),
      environment: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
      secrets: z.array(z.strictObject({ name: z.string(), valueFrom: z.string() })).optional(),
      mountPoints: z.array(z.strictObject({ sourceVolume: z.string(), containerPath: z.string() })).optional(),
      portMappings: z.array(z.strictObject({ containerPort: port })).optional(),
      dependsOn: z
        .array(
          z.strictObject({
            containerName: z.string(),
            condition: z.enum(['START', 'COMPLETE', 'SUCCESS', 'HEALTHY']),
          }),
        )
        .optional(),
      healthCheck: healthCheck.optional(),
      stopTimeout: z.int().min(2),
    }),
  ),
});
/** CreateService. */
export const ecsService = z.strictObject({
  serviceName: z.string().regex(/^[\w-]{1,255}$/),
  taskDefinition: z.string(),
  desiredCount: z.int().min(0),
  launchType: z.enum(['EC2', 'FARGATE', 'EXTERNAL']),
  deploymentConfiguration: z.strictObject({ maximumPercent: z.int().min(100), minimumHealthyPercent: z.int().min(0) }),
  placementConstraints: z.array(
    z.strictObject({ type: z.enum(['distinctInstance', 'memberOf']), expression: z.string() }),
  ),
  networkConfiguration: z.strictObject({
    awsvpcConfiguration: z.strictObject({ subnets: z.array(z.string()), securityGroups: z.array(z.string()) }),
  }),
});

export interface DockerStage {
  from: string;
  name: string | null;
  instructions: { keyword: string; flags: string[]; text: string }[];
}

const KEYWORDS = ['FROM', 'RUN', 'CMD', 'EXPOSE', 'ENV', 'COPY', 'ENTRYPOINT', 'USER', 'WORKDIR'];

/**
 * Stages of a Dockerfile, by Docker's reference: comments, lines that go on, flags.
 * @throws Error naming the line that is no instruction
 */
export function dockerStages(text: string): DockerStage[] {
  const stages: DockerStage[] = [];
  const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('#'));
  for (const line of lines.join('\n').replaceAll(/\\\n/g, ' ').split('\n')) {
    if (line.trim() === '') continue;
    const [, keyword = '', flags = '', rest = ''] = /^([A-Z]+)\s+((?:--[\w-]+(?:=\S+)?\s+)*)(.+)$/.exec(line) ?? [];
    if (!KEYWORDS.includes(keyword)) throw new Error(`no instruction: ${line}`);
    const instruction = { keyword, flags: flags.trim() === '' ? [] : flags.trim().split(/\s+/), text: rest.trim() };
    if (keyword === 'FROM') {
      const [from = '', , name = null] = instruction.text.split(/\s+/);
      stages.push({ from, name, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`before the first FROM: ${line}`);
    stage.instructions.push(instruction);
  }
  return stages;
}
