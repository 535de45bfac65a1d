import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instanceMetadata, taskMetadata } from '../../src/container/metadata-client.js';

// What the platforms answer beside what the simulator's environments do: test/cases/workload-starts.spec.ts.

let server: Server;
let url: string;
const answers = new Map<string, { status?: number; body?: unknown; location?: string }>();

beforeAll(async () => {
  server = createServer((request, response) => {
    const { status = 200, body = '', location } = answers.get(request.url ?? '') ?? { status: 404 };
    response.writeHead(status, location === undefined ? {} : { location });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

const TASK = 'arn:aws:ecs:eu-west-1:123456789012:task/default/abc';
const soon = (): AbortSignal => AbortSignal.timeout(2000);

describe('a task', () => {
  it.each([
    [
      'started with its first container',
      [{ StartedAt: '2026-11-11T10:00:05Z' }, { StartedAt: '2026-11-11T10:00:01.5Z' }],
      '2026-11-11T10:00:01.500Z',
    ],
    [
      'that tells only when its container was made',
      [{ CreatedAt: '2026-11-11T10:00:05Z' }],
      '2026-11-11T10:00:05.000Z',
    ],
    ['with times that are none', [{ StartedAt: 'soon' }], null],
    ['that tells no containers', undefined, null],
  ])('%s', async (_, Containers, startedAt) => {
    answers.set('/v4/task', { body: { TaskARN: TASK, ...(Containers && { Containers }) } });
    expect(await taskMetadata(`${url}/v4`, soon())).toEqual({
      ...{ id: TASK, region: 'eu-west-1', startedAt: startedAt === null ? null : new Date(startedAt) },
    });
  });

  it.each([
    ['without a name', { body: {} }, 'does not name a task'],
    ['whose name is none', { body: { TaskARN: 'task/abc' } }, 'does not name a task'],
    ['that is no JSON', { body: '<html>' }, 'does not name a task'],
    ['that fails', { status: 500 }, 'answers with status 500'],
    ['that leads elsewhere', { status: 302, location: 'http://127.0.0.1:9/' }, 'cannot be reached'],
  ])('%s', async (_, answer, why) => {
    answers.set('/v4/task', answer);
    await expect(taskMetadata(`${url}/v4`, soon())).rejects.toThrow(why);
  });
});

describe('an instance', () => {
  const DOCUMENT = '/latest/dynamic/instance-identity/document';

  it.each([
    [
      'with all',
      { instanceId: 'i-1', region: 'us-west-2', pendingTime: '2026-11-11T10:00:00Z' },
      'us-west-2',
      '2026-11-11T10:00:00.000Z',
    ],
    ['without region and time', { instanceId: 'i-1' }, null, null],
  ])('%s', async (_, body, region, startedAt) => {
    answers.set('/latest/api/token', { body: 'token' });
    answers.set(DOCUMENT, { body });
    expect(await instanceMetadata(url, soon())).toEqual({
      ...{ id: 'i-1', region, startedAt: startedAt === null ? null : new Date(startedAt) },
    });
  });

  it('without a name', async () => {
    answers.set(DOCUMENT, { body: { region: 'us-west-2' } });
    await expect(instanceMetadata(url, soon())).rejects.toThrow('does not name an instance');
  });
});
