import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { type Json } from './messages.js';

export type Interference = (operation: string, response: ServerResponse, input: Json) => boolean | Promise<boolean>;

/** SQS and SNS on localhost, behind a wire on which a test can listen, delay and cut. */
export class SqsEmulator {
  /** Calls as they came, by operation. */
  readonly calls: string[] = [];
  /** Says whether a call goes no further, having answered it or not. */
  interfere: Interference = () => false;
  /** Of all queues so far. */
  readonly queueUrls: string[] = [];

  private constructor(
    readonly server: FauxqsServer,
    private readonly wire: Server,
    /** Where clients reach it. */
    readonly endpoint: string,
  ) {}

  static async start(): Promise<SqsEmulator> {
    const server = await startFauxqs({ port: 0, logger: false });
    const wire = createServer((request, response) => void emulator.pass(request, response));
    await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
    const emulator = new SqsEmulator(server, wire, `http://127.0.0.1:${(wire.address() as AddressInfo).port}`);
    return emulator;
  }

  queue(): Queue {
    const number = this.queueUrls.length + 1;
    const { queueName, queueUrl } = this.server.createQueue(`lifecycle-${number}`);
    this.queueUrls.push(queueUrl);
    return new Queue(this, queueName, queueUrl);
  }

  /** A call of the API's query protocol. */
  async query(parameters: Record<string, string>): Promise<void> {
    const response = await fetch(this.server.address, { method: 'POST', body: new URLSearchParams(parameters) });
    if (!response.ok) throw new Error(await response.text());
    await response.text();
  }

  async stop(): Promise<void> {
    this.wire.closeAllConnections();
    await new Promise((resolve) => this.wire.close(resolve));
    await this.server.stop();
  }

  private async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = String(request.headers['x-amz-target'] ?? '');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const operation = target.replace('AmazonSQS.', '');
    this.calls.push(operation);
    const input = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Json;
    if (await this.interfere(operation, response, input)) return;
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort();
    });
    try {
      const answer = await fetch(`${this.server.address}${request.url ?? '/'}`, {
        method: 'POST',
        body: input.WaitTimeSeconds === 1 ? withoutWait(input) : Buffer.concat(chunks),
        headers: {
          'content-type': request.headers['content-type'] ?? '',
          'x-amz-target': target,
          authorization: request.headers.authorization ?? '',
        },
        signal: gone.signal,
      });
      const body = Buffer.from(await answer.arrayBuffer());
      response
        .writeHead(answer.status, {
          'content-type': answer.headers.get('content-type') ?? 'application/x-amz-json-1.0',
        })
        .end(body);
    } catch {
      response.destroy();
    }
  }
}

/** Who waits a second has SQS ask all its servers. Here messages lie in one place, and are found at once. */
const withoutWait = (input: Json): string => JSON.stringify({ ...input, WaitTimeSeconds: 0 });

export class Queue {
  constructor(
    private readonly emulator: SqsEmulator,
    readonly name: string,
    readonly url: string,
  ) {}

  async send(...bodies: (Json | string)[]): Promise<void> {
    for (const body of bodies) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      await this.call('SendMessage', { MessageBody: text });
    }
  }

  /** A topic that delivers here, in its envelope or raw. */
  topic(name: string, raw: boolean): { arn: string; publish(message: Json): Promise<void> } {
    const { server } = this.emulator;
    const { topicArn } = server.createTopic(name);
    server.subscribe({ topic: name, queue: this.name, attributes: { RawMessageDelivery: String(raw) } });
    return {
      arn: topicArn,
      publish: (message) =>
        this.emulator.query({ Action: 'Publish', TopicArn: topicArn, Message: JSON.stringify(message) }),
    };
  }

  /** Ids of the messages that wait, and of those that were received and not deleted. */
  get held(): { ready: string[]; inFlight: string[] } {
    const { ready = [], inflight = [] } = this.emulator.server.inspectQueue(this.name)?.messages ?? {};
    return {
      ready: ready.map(({ messageId }) => messageId),
      inFlight: inflight.map(({ message }) => message.messageId),
    };
  }

  /** Until when what was received is hidden from others. */
  get hiddenUntil(): number {
    return this.emulator.server.inspectQueue(this.name)?.messages.inflight[0]?.visibilityDeadline ?? 0;
  }

  /** As if the time for which received messages are hidden had passed. */
  async reveal(): Promise<void> {
    for (const { receiptHandle } of this.emulator.server.inspectQueue(this.name)?.messages.inflight ?? []) {
      await this.call('ChangeMessageVisibility', { ReceiptHandle: receiptHandle, VisibilityTimeout: 0 });
    }
  }

  private async call(operation: string, input: Json): Promise<void> {
    const response = await fetch(this.emulator.server.address, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}` },
      body: JSON.stringify({ QueueUrl: this.url, ...input }),
    });
    if (!response.ok) throw new Error(await response.text());
    await response.text();
  }
}
