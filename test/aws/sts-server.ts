import http from 'node:http';
import { type AddressInfo } from 'node:net';

export interface AssumeRoleRequest {
  roleArn: string;
  externalId: string | null;
  sessionName: string;
  durationSeconds: number;
  /** Whose access key signed. */
  accessKeyId: string;
}

/** AssumeRole as STS answers it: a role trusts some access keys, under an external id or without. */
export class StsServer {
  readonly requests: AssumeRoleRequest[] = [];
  readonly trusts = new Map<string, { accessKeyIds: string[]; externalId?: string }>();
  /** How long sessions last, whatever was asked for. Seconds. */
  sessionSeconds: number | null = null;
  /** Answers with an error of that name in place of all else. */
  fails: string | null = null;

  private constructor(private readonly server: http.Server) {}

  static async start(): Promise<StsServer> {
    const server = http.createServer();
    const sts = new StsServer(server);
    server.on('request', (request, response) => void sts.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return sts;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await stopped;
  }

  /** Access key of the n-th session of a role. */
  static keyOf(roleArn: string, session: number): string {
    return `ASIA${roleArn.split('/').at(-1)?.toUpperCase() ?? ''}${session}`;
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const [, accessKeyId = ''] = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
    const roleArn = form.get('RoleArn') ?? '';
    const externalId = form.get('ExternalId');
    const durationSeconds = Number(form.get('DurationSeconds'));
    const sessionName = form.get('RoleSessionName') ?? '';
    this.requests.push({ roleArn, externalId, sessionName, durationSeconds, accessKeyId });
    const trust = this.trusts.get(roleArn);
    const isTrusted = trust?.accessKeyIds.includes(accessKeyId) === true;
    const fault =
      this.fails ??
      (isTrusted && (trust.externalId === undefined || trust.externalId === externalId) ? null : 'AccessDenied');
    if (fault !== null) {
      const message = `User: arn:aws:sts::111122223333:assumed-role/app is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;
      response.writeHead(fault === 'ServiceUnavailable' ? 503 : 403, { 'content-type': 'text/xml' });
      response.end(
        `<ErrorResponse><Error><Type>Sender</Type><Code>${fault}</Code><Message>${message}</Message></Error></ErrorResponse>`,
      );
      return;
    }
    const session = this.requests.filter((one) => one.roleArn === roleArn).length;
    const expiration = new Date(Date.now() + (this.sessionSeconds ?? durationSeconds) * 1000);
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(
      `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
        `<AccessKeyId>${StsServer.keyOf(roleArn, session)}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>` +
        `<SessionToken>token</SessionToken><Expiration>${expiration.toISOString()}</Expiration></Credentials>` +
        `<AssumedRoleUser><AssumedRoleId>AROA:${sessionName}</AssumedRoleId><Arn>${roleArn}</Arn></AssumedRoleUser>` +
        `</AssumeRoleResult></AssumeRoleResponse>`,
    );
  }
}
