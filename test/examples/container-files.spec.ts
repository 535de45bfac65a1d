import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Script } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { type z } from 'zod';
import { repositoryRoot } from '../support/processes.js';
import {
  dockerStages,
  type DockerStage,
  ecsService,
  kubernetes,
  secret,
  service,
  serviceAccount,
  statefulSet,
  taskDefinition,
} from './container-files.js';

// No Docker, cluster or account is here to apply them: each file is held against the platform's own shape, and every
// name in it against what it names.

const folder = path.join(repositoryRoot, 'examples/container');
const read = (file: string): string => readFileSync(path.join(folder, file), 'utf8');

function manifests(): unknown[] {
  return parseAllDocuments(read('eks/scanner.yaml'), { strict: true, uniqueKeys: true }).map((document) => {
    if ('errors' in document) expect([...document.errors, ...document.warnings]).toEqual([]);
    return (document as { toJS(): unknown }).toJS();
  });
}

/** The one document of that kind. */
function ofKind<T extends z.ZodType<{ kind: string }>>(shape: T, kind: string): z.output<T> {
  return shape.parse(manifests().find((one) => (one as { kind: string }).kind === kind));
}

describe('the manifests for Kubernetes', () => {
  it('are what the API takes, and no member is one that it does not know', () => {
    expect(manifests().map((one) => kubernetes.parse(one).kind)).toEqual([
      ...['ServiceAccount', 'Secret', 'Service', 'StatefulSet'],
    ]);
  });

  it('name nothing that is not there', () => {
    const { spec } = ofKind(statefulSet, 'StatefulSet');
    const pod = spec.template.spec;
    const software = ofKind(service, 'Service');
    const passwords = ofKind(secret, 'Secret');
    expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(spec.template.metadata.labels).toMatchObject(software.spec.selector);
    expect([spec.serviceName, pod.serviceAccountName]).toEqual([
      software.metadata.name,
      ofKind(serviceAccount, 'ServiceAccount').metadata.name,
    ]);
    const all = [...pod.initContainers, ...pod.containers];
    const claims = spec.volumeClaimTemplates.map(({ metadata }) => metadata.name);
    for (const { volumeMounts = [], env = [], ports = [], startupProbe, livenessProbe, readinessProbe } of all) {
      for (const mount of volumeMounts) expect(claims).toContain(mount.name);
      for (const { valueFrom } of env)
        if (valueFrom) {
          expect(valueFrom.secretKeyRef.name).toBe(passwords.metadata.name);
          expect(passwords.stringData).toHaveProperty(valueFrom.secretKeyRef.key);
        }
      // What a variable is made of must stand before it.
      for (const [index, { value = '' }] of env.entries())
        for (const [, used] of value.matchAll(/\$\((\w+)\)/g))
          expect(env.slice(0, index).map((one) => one.name)).toContain(used);
      for (const probe of [startupProbe, livenessProbe, readinessProbe])
        if (probe?.httpGet) expect(ports.map(({ containerPort }) => containerPort)).toContain(probe.httpGet.port);
    }
    const open = all.flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort));
    for (const { targetPort } of software.spec.ports) expect(open).toContain(targetPort);
  });

  it('ask the software alive and ready where it says so, and keep the ledger to one pod', () => {
    const { spec } = ofKind(statefulSet, 'StatefulSet');
    const [scanner] = spec.template.spec.containers;
    const routes = read('scanner/health.controller.ts');
    for (const [probe, at] of [
      [scanner?.livenessProbe, 'live'],
      [scanner?.readinessProbe, 'ready'],
    ] as const) {
      expect(probe?.httpGet?.path).toBe(`/health/${at}`);
      expect(routes).toContain(`@Get('${at}')`);
    }
    expect([spec.replicas, spec.volumeClaimTemplates.map((claim) => claim.spec.accessModes)]).toEqual([
      1,
      [['ReadWriteOncePod']],
    ]);
    // Its folder lies in the volume and is not the volume, which has files of others.
    const [ledger] = spec.template.spec.initContainers;
    const data = ledger?.env?.find(({ name }) => name === 'PGDATA')?.value ?? '';
    expect(path.posix.dirname(data)).toBe(ledger?.volumeMounts?.[0]?.mountPath);
  });
});

describe('the task for ECS', () => {
  const task = taskDefinition.parse(JSON.parse(read('ecs/task-definition.json')));
  const deployment = ecsService.parse(JSON.parse(read('ecs/service.json')));

  it('is what the API takes, and names nothing that is not there', () => {
    expect([deployment.taskDefinition, deployment.desiredCount]).toEqual([task.family, 1]);
    expect(task.requiresCompatibilities).toContain(deployment.launchType);
    const volumes = task.volumes.map(({ name }) => name);
    for (const container of task.containerDefinitions) {
      for (const { sourceVolume } of container.mountPoints ?? []) expect(volumes).toContain(sourceVolume);
      for (const { containerName, condition } of container.dependsOn ?? []) {
        const other = task.containerDefinitions.find(({ name }) => name === containerName);
        expect(other).toBeDefined();
        if (condition === 'HEALTHY') expect(other?.healthCheck).toBeDefined();
        // Who depends on another is stopped before it, and must have ended by then.
        expect(other?.stopTimeout).toBeGreaterThanOrEqual(container.stopTimeout);
      }
    }
  });

  it('asks the software where it listens', () => {
    const scanner = task.containerDefinitions.find(({ name }) => name === task.family);
    const [{ containerPort } = { containerPort: 0 }] = scanner?.portMappings ?? [];
    expect(read('scanner/main.ts')).toContain(`const PORT = ${containerPort};`);
    const script = scanner?.healthCheck?.command.at(-1) ?? '';
    expect(script).toContain(`http://127.0.0.1:${containerPort}/health/live`);
    // It is a program.
    expect(() => new Script(script)).not.toThrow();
  });
});

describe('the Dockerfiles', () => {
  const entryOf = (stage: DockerStage, keyword: string): string[] =>
    JSON.parse(stage.instructions.findLast((one) => one.keyword === keyword)?.text ?? '[]') as string[];

  it('build what the software starts from, and start it without a shell, not as root', () => {
    const stages = dockerStages(read('Dockerfile'));
    expect(stages.map(({ name }) => name)).toEqual(['build', null]);
    for (const { from } of stages) expect(from).toMatch(/^node:\d+-slim$/);
    const [build, final] = stages;
    const built = build!.instructions.filter(({ keyword }) => keyword === 'RUN').map(({ text }) => text);
    expect(built.join(' && ')).toContain('cp -r /build/dist/examples/container/scanner scanner');
    expect(final!.instructions.filter(({ keyword }) => keyword === 'COPY')).toEqual([
      { keyword: 'COPY', flags: ['--from=build'], text: '/app ./' },
    ]);
    const keywords = final!.instructions.map(({ keyword }) => keyword);
    expect(keywords.indexOf('USER')).toBeGreaterThan(keywords.lastIndexOf('COPY'));
    expect(final!.instructions.find(({ keyword }) => keyword === 'USER')?.text).toBe('node');
    const [program, file = ''] = entryOf(final!, 'CMD');
    expect(program).toBe('node');
    expect(existsSync(path.join(folder, file.replace(/\.js$/, '.ts')))).toBe(true);
    expect(read('Dockerfile.dockerignore').split('\n')).toEqual(expect.arrayContaining(['.git', '**/node_modules']));
  });

  it('install what the software imports: this repository has much of it for its tests alone', () => {
    const { dependencies } = JSON.parse(read('software-package.json')) as { dependencies: Record<string, string> };
    const root = JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
      peerDependencies: Record<string, string>;
      peerDependenciesMeta?: Record<string, { optional?: boolean }>;
    };
    expect(dependencies[root.name]).toBe(`file:${root.name}-${root.version}.tgz`);
    const sources = readdirSync(path.join(folder, 'scanner')).map((file) => read(`scanner/${file}`));
    const imported = sources.flatMap((text) =>
      [...text.matchAll(/ from '([^.'][^']*)'/g)].map(([, name = '']) => name),
    );
    expect(imported).toContain(root.name);
    for (const name of imported) expect(dependencies).toHaveProperty([name]);
    const needed = Object.keys(root.peerDependencies).filter((name) => !root.peerDependenciesMeta?.[name]?.optional);
    for (const name of [...needed, '@nestjs/platform-express']) expect(dependencies).toHaveProperty([name]);
  });

  it('put the lock before Postgres, as the manifests use it', () => {
    const [stage, ...others] = dockerStages(read('ledger/Dockerfile'));
    expect(others).toEqual([]);
    expect(stage?.from).toMatch(/^postgres:\d+$/);
    const [copy] = stage!.instructions;
    const [source = '', target = ''] = copy?.text.split(/\s+/) ?? [];
    expect(existsSync(path.join(repositoryRoot, source))).toBe(true);
    expect([copy?.flags, target]).toEqual([['--chmod=755'], '/usr/local/bin/']);
    expect(entryOf(stage!, 'ENTRYPOINT')).toEqual([path.basename(source)]);
    for (const file of ['eks/scanner.yaml', 'ecs/task-definition.json'])
      expect(read(file)).toContain('<registry>/fernwood-ledger:<version>');
  });

  it.each(['FRM node', 'RUN npm ci', 'run npm ci'])('would not be read with %s at their head', (line) => {
    expect(() => dockerStages(line)).toThrow(line);
  });
});
