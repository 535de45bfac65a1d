import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot, spawnTypescript } from '../support/processes.js';

const read = (file: string): string => readFileSync(path.join(repositoryRoot, 'examples/container', file), 'utf8');

describe('npm run example:container', () => {
  it('ends with an account in which every unit is billed once, or named', async () => {
    // The sources, so that no build can be stale.
    const child = spawnTypescript('examples/container/local/run.ts');
    let said = '';
    child.stdout.on('data', (data: Buffer) => (said += data.toString()));
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toEqual({
      ...{ recordedUnits: 42.75, billedUnits: 42, accountedUnits: 0.75, conserved: true },
    });
  });
});

describe('the manifests', () => {
  const grace = /shutdownGraceMs: (\d+)_000/.exec(read('scanner/scanner.options.ts'))?.[1];

  it('give 60 seconds and more, and the software knows how many', () => {
    expect(Number(grace)).toBeGreaterThanOrEqual(60);
    expect(read('eks/scanner.yaml')).toContain(`terminationGracePeriodSeconds: ${grace}`);
    const task = JSON.parse(read('ecs/task-definition.json')) as { containerDefinitions: { stopTimeout: number }[] };
    expect(task.containerDefinitions.map(({ stopTimeout }) => stopTimeout)).toContain(Number(grace));
    for (const { stopTimeout } of task.containerDefinitions) expect(stopTimeout).toBeGreaterThanOrEqual(60);
  });

  it('never let two have the ledger, and sign with the role of the workload', () => {
    const eks = read('eks/scanner.yaml');
    expect(eks).toContain('kind: StatefulSet');
    expect(eks).toContain('accessModes: [ReadWriteOncePod]');
    expect(eks).toContain('eks.amazonaws.com/role-arn:');
    const service = JSON.parse(read('ecs/service.json')) as { deploymentConfiguration: object };
    expect(service.deploymentConfiguration).toEqual({ maximumPercent: 100, minimumHealthyPercent: 0 });
    expect(JSON.parse(read('ecs/task-definition.json'))).toHaveProperty('taskRoleArn');
  });
});
