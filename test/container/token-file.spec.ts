import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readTokenFile, tokenIn } from '../../src/container/token-file.js';

const folder = mkdtempSync(path.join(tmpdir(), 'marketplace-token-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const token = (claims: unknown): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const pod = { 'kubernetes.io': { pod: { name: 'app-1', uid: '0b2e5c1a-1111-4222-8333-444455556666' } } };
const issuer = (host: string) => ({ iss: `https://${host}/id/ABCDEF` });

describe('the token of a service account', () => {
  it.each([
    ['eu-central-1', 'oidc.eks.eu-central-1.amazonaws.com'],
    ['us-gov-west-1', 'oidc.eks.us-gov-west-1.amazonaws.com'],
    ['cn-north-1', 'oidc.eks.cn-north-1.amazonaws.com.cn'],
    ['us-east-1', 'oidc.eks-fips.us-east-1.amazonaws.com'],
    [null, 'kubernetes.default.svc'],
    [null, 'oidc.eks.amazonaws.com'],
  ])('names the region %s by its issuer %s', (region, host) => {
    expect(tokenIn(token({ ...issuer(host), ...pod }))).toEqual({
      ...{ kind: 'read', region, podUid: '0b2e5c1a-1111-4222-8333-444455556666' },
    });
  });

  it.each([
    ['without a pod', {}],
    ['with a uid that is no name', { 'kubernetes.io': { pod: { uid: 'a b\n' } } }],
    ['with a uid that is no text', { 'kubernetes.io': { pod: { uid: 7 } } }],
  ])('names no pod: %s', (_, claims) => {
    expect(tokenIn(token(claims))).toEqual({ kind: 'read', region: null, podUid: null });
  });

  it.each(['', 'not a token', 'a.b.c', token(null), token('text')])('is none: %s', (text) => {
    expect(tokenIn(text)).toEqual({ kind: 'unreadable', reason: 'malformed' });
  });

  it('is read from its file, line end and all', async () => {
    const file = path.join(folder, 'token');
    writeFileSync(file, `${token(pod)}\n`);
    expect(await readTokenFile(file)).toMatchObject({ kind: 'read' });
    expect(await readTokenFile(path.join(folder, 'nothing'))).toEqual({ kind: 'unreadable', reason: 'missing' });
  });

  it('belongs to somebody else', async () => {
    const file = path.join(folder, 'foreign');
    writeFileSync(file, token(pod));
    chmodSync(file, 0);
    chmodSync(folder, 0o755);
    // Root reads everything: for this once we are nobody.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    const found = await readTokenFile(file).finally(() => {
      if (isRoot) process.seteuid?.(0);
    });
    expect(found).toEqual({ kind: 'unreadable', reason: 'forbidden' });
  });
});
