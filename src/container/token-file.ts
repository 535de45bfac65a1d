import { readFile } from 'node:fs/promises';
import { jsonOf } from '../runtime/json.js';

/**
 * A service account's token as EKS projects it into a pod. It names the pod and the cluster's issuer, and so the region;
 * it is only read here: whether it is genuine is STS's to say.
 */
export type TokenFile =
  | { kind: 'read'; podUid: string | null; region: string | null }
  | { kind: 'unreadable'; reason: 'missing' | 'forbidden' | 'malformed' };

const ISSUER = /^https:\/\/oidc\.eks(?:-fips)?\.([a-z]{2,4}(?:-[a-z]+)+-\d+)\./;

export async function readTokenFile(path: string): Promise<TokenFile> {
  try {
    return tokenIn(await readFile(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { kind: 'unreadable', reason: code === 'EACCES' || code === 'EPERM' ? 'forbidden' : 'missing' };
  }
}

/** What a token says of where it was issued, and to which pod. */
export function tokenIn(text: string): TokenFile {
  const claims = claimsOf(text.trim());
  if (claims === null) return { kind: 'unreadable', reason: 'malformed' };
  const kubernetes = claims['kubernetes.io'] as { pod?: { uid?: unknown } } | undefined;
  const uid = kubernetes?.pod?.uid;
  const issuer = typeof claims.iss === 'string' ? claims.iss : '';
  return {
    kind: 'read',
    podUid: typeof uid === 'string' && /^[\w-]{2,64}$/.test(uid) ? uid : null,
    region: ISSUER.exec(issuer)?.[1] ?? null,
  };
}

function claimsOf(token: string): Record<string, unknown> | null {
  const [, payload = ''] = token.split('.');
  const claims = jsonOf(Buffer.from(payload, 'base64url').toString());
  return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : null;
}
