import { type Agent, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { agentTo } from '../../aws/proxied-handler.js';
import { type AwsOptions } from '../../options/aws-options.js';

const TIMEOUT_MS = 5000;

/** An answer that is no use: another status than 200, too long, a redirect, or none within five seconds. */
export class SnsCallError extends Error {}

/**
 * One GET to SNS, whose URL was checked before, through the proxy that calls to AWS have. Bounded in time and length;
 * redirects are not followed, since they lead to hosts that nobody checked.
 */
export async function getFromSns(url: URL, bytesMax: number, proxy: AwsOptions['proxy']): Promise<string> {
  try {
    const answer = await answerOf(url, proxy);
    const text = await textOf(answer, bytesMax);
    if (answer.status !== 200) throw new SnsCallError(`SNS answered ${answer.status ?? 'nothing'}`);
    return text;
  } catch (error) {
    if (error instanceof SnsCallError) throw error;
    // The message of a network error may hold the URL, and with it a token.
    throw new SnsCallError(`SNS could not be reached (${nameOf(error)})`, { cause: error });
  }
}

interface Answer {
  status: number | undefined;
  body: AsyncIterable<Uint8Array>;
}

async function answerOf(url: URL, proxy: AwsOptions['proxy']): Promise<Answer> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const agent = await agentTo(url, proxy);
  if (agent !== undefined) return answerThrough(agent, url, signal);
  const { status, body } = await fetch(url, { redirect: 'error', signal });
  return { status, body: (body ?? []) as AsyncIterable<Uint8Array> };
}

/** `fetch` takes no agent. A redirect is an answer here, like any other that is not 200. */
function answerThrough(agent: Agent, url: URL, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    request(url, { agent, signal }, (response) => {
      resolve({ status: response.statusCode, body: response });
    })
      .on('error', reject)
      .end();
  });
}

async function textOf({ body }: Answer, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > bytesMax) throw new SnsCallError(`SNS answered with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function nameOf(error: unknown): string {
  const { code, name, cause } = (error ?? {}) as { code?: unknown; name?: unknown; cause?: { code?: unknown } };
  // A DOMException's code is a number.
  return [cause?.code, code, name].find((label) => typeof label === 'string') ?? 'unknown error';
}
