import { jsonOf } from '../runtime/json.js';

/** What a platform says of the workload that asks; it answers nobody else. */
export interface WorkloadMetadata {
  /** Instance id, or task ARN. */
  id: string;
  region: string | null;
  /** When the instance was launched, or the first container of the task; null where it is not told. */
  startedAt: Date | null;
}

/** Why a platform says nothing, for a sentence. */
export class MetadataError extends Error {}

const TASK_ARN = /^arn:aws[a-zA-Z-]*:ecs:([a-z]{2,4}(?:-[a-z]+)+-\d+):\d{12}:task\/\S+$/;
const TOKEN_TTL_SECONDS = '60';

/**
 * Task metadata, version 4. The region is read from the task's ARN: AvailabilityZone is absent on older agents.
 * @throws MetadataError
 */
export async function taskMetadata(uri: string, signal: AbortSignal): Promise<WorkloadMetadata> {
  const task = jsonOf(await textAt(`${uri}/task`, {}, signal)) as TaskDocument | undefined;
  const [, region] = TASK_ARN.exec(task?.TaskARN ?? '') ?? [];
  if (task?.TaskARN === undefined || region === undefined) throw new MetadataError(`${uri}/task does not name a task`);
  const starts = (task.Containers ?? [])
    .map(({ StartedAt, CreatedAt }) => Date.parse(StartedAt ?? CreatedAt ?? ''))
    .filter((instant) => !Number.isNaN(instant));
  return { id: task.TaskARN, region, startedAt: starts.length === 0 ? null : new Date(Math.min(...starts)) };
}

interface TaskDocument {
  TaskARN?: string;
  Containers?: { StartedAt?: string; CreatedAt?: string }[];
}

/**
 * The identity document of an EC2 instance, by IMDSv2 alone.
 * @throws MetadataError
 */
export async function instanceMetadata(url: string, signal: AbortSignal): Promise<WorkloadMetadata> {
  const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': TOKEN_TTL_SECONDS };
  const token = await textAt(`${url}/latest/api/token`, { method: 'PUT', headers }, signal);
  const path = `${url}/latest/dynamic/instance-identity/document`;
  const text = await textAt(path, { headers: { 'x-aws-ec2-metadata-token': token } }, signal);
  const { instanceId, region, pendingTime } = (jsonOf(text) ?? {}) as Record<string, unknown>;
  if (typeof instanceId !== 'string') throw new MetadataError(`${path} does not name an instance`);
  const startedAt = new Date(typeof pendingTime === 'string' ? pendingTime : Number.NaN);
  return {
    id: instanceId,
    region: typeof region === 'string' && region !== '' ? region : null,
    startedAt: Number.isNaN(startedAt.getTime()) ? null : startedAt,
  };
}

async function textAt(url: string, request: RequestInit, signal: AbortSignal): Promise<string> {
  try {
    const response = await fetch(url, { ...request, signal, redirect: 'error' });
    if (!response.ok) throw new MetadataError(`${url} answers with status ${response.status}`);
    return await response.text();
  } catch (error) {
    if (error instanceof MetadataError) throw error;
    // Packets that live for one hop die on the bridge of a container: then nobody refuses, and nobody answers.
    const why = signal.aborted ? 'does not answer' : 'cannot be reached';
    throw new MetadataError(`${url} ${why}`, { cause: error });
  }
}
