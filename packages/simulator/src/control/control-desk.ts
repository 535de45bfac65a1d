import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type z } from 'zod';
import { type ControlledSimulator } from './controlled-simulator.js';
import { ControlProblem, type FieldProblem, fieldProblems } from './control-problem.js';
import { type ControlRoute } from './control-route.js';
import { openApiDocument } from './openapi-document.js';
import { pageFile, pageHeaders } from './page-files.js';
import { checkRequest } from './request-guard.js';
import { controlRoutes } from './routes.js';

const bodyMax = 64 * 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** The control API and its page, under `/_simulator`. */
export class ControlDesk {
  readonly #routes: readonly ControlRoute[];

  /** `settle` is awaited after a request had its effect, before its answer. */
  constructor(
    simulator: ControlledSimulator,
    private readonly settle: () => Promise<void>,
  ) {
    this.#routes = controlRoutes(simulator);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request).catch(refusal);
    response.writeHead(answer.status, {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...answer.headers,
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
    const url = new URL(request.url ?? '', 'http://localhost');
    const path = url.pathname.slice('/_simulator'.length);
    checkRequest(method, request.headers);
    if (path === '') return { status: 308, headers: { location: '/_simulator/' }, body: undefined };
    const file = pageFile(path);
    if (file && method === 'GET')
      return { status: 200, headers: { ...pageHeaders, 'content-type': file.type }, body: file.text };
    if (path === '/openapi.json' && method === 'GET') return json(200, openApiDocument(this.#routes));
    const { route, params } = this.#route(method, path, file !== undefined || path === '/openapi.json');
    const query = checked(route.query, Object.fromEntries(url.searchParams), 'query');
    const body = checked(route.body, route.body && (await readJson(request)), '');
    const answer = await decided(() => route.run({ params, query, body }));
    if (method !== 'GET') await this.settle();
    return route.answer ? json(route.status ?? 200, answer) : { status: 204, body: undefined };
  }

  #route(method: string, path: string, isFile: boolean): { route: ControlRoute; params: Record<string, string> } {
    const here = this.#routes.flatMap((route) => {
      const params = paramsIn(route.path, path);
      return params ? [{ route, params }] : [];
    });
    const found = here.find(({ route }) => route.method === method);
    if (found) return found;
    const allowed = isFile ? ['GET'] : here.map(({ route }) => route.method);
    if (allowed.length === 0) {
      throw new ControlProblem(
        404,
        `There is nothing at /_simulator${path}. GET /_simulator/openapi.json describes what there is.`,
      );
    }
    const allow = allowed.join(', ');
    throw new ControlProblem(405, `${method} does not work here. Use ${allow}.`, [], { allow });
  }
}

function paramsIn(template: string, path: string): Record<string, string> | undefined {
  const [names, values] = [template.split('/'), path.split('/')];
  if (names.length !== values.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const value = values[index] ?? '';
    if (name.startsWith('{') && value !== '') params[name.slice(1, -1)] = decoded(value);
    else if (name !== value) return undefined;
  }
  return params;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ControlProblem(400, `"${segment}" is not percent-encoded. Encode it as encodeURIComponent does.`);
  }
}

function checked(schema: z.ZodType | undefined, value: unknown, root: string): unknown {
  const result = schema?.safeParse(value);
  if (result && !result.success)
    throw new ControlProblem(400, 'The request does not fit.', fieldProblems(result.error, root));
  return result?.data;
}

/** An operation that the market refuses: no such successor, ended already, there already. */
async function decided(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ControlProblem) throw error;
    throw new ControlProblem(409, error instanceof Error ? error.message : String(error));
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= bodyMax) chunks.push(chunk);
  }
  if (size === 0) return {};
  if (size > bodyMax) throw new ControlProblem(413, `The body is larger than ${bodyMax} bytes.`);
  // A form on another site can send text and form data without asking, but not JSON.
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new ControlProblem(415, 'Send the body as JSON, with the header "content-type: application/json".');
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new ControlProblem(400, `The body is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function json(status: number, value: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

function refusal(error: unknown): Answer {
  if (!(error instanceof ControlProblem)) return json(500, problemBody(`The simulator failed: ${String(error)}`, []));
  const answer = json(error.status, problemBody(error.message, error.problems));
  return { ...answer, headers: { ...answer.headers, ...error.headers } };
}

function problemBody(message: string, problems: readonly FieldProblem[]): object {
  return { error: { message, problems } };
}
