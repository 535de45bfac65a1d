import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { ServiceError } from '../wire/service-error.js';

/**
 * A key with which AWS signs what RegisterUsage answers for one product. The seller ships the public half inside the
 * software.
 */
export interface ProductKey {
  /** From 1 on. */
  readonly version: number;
  /** PEM (SPKI), RSA 2048. */
  readonly publicKey: string;
  /** When a newer version took its place; absent for the current one. */
  readonly rotatedAt?: Date;
}

interface KeyPair extends ProductKey {
  readonly privateKey: string;
}

export interface ProductKeysSnapshot {
  readonly keys: readonly (readonly [
    productCode: string,
    versions: readonly (Omit<KeyPair, 'rotatedAt'> & { readonly rotatedAt?: string })[],
  ])[];
}

/** Making a pair takes a moment, so the n-th key of every simulator in a process is one and the same. */
const made: Pick<KeyPair, 'publicKey' | 'privateKey'>[] = [];

/** The signing keys of container products. A product's first key comes into being when it is first asked for. */
export class ProductKeys {
  readonly #keys = new Map<string, KeyPair[]>();
  #count = 0;

  versions(productCode: string): ProductKey[] {
    return this.#pairs(productCode).map(({ version, publicKey, rotatedAt }) => ({
      version,
      publicKey,
      ...(rotatedAt && { rotatedAt }),
    }));
  }

  /** A new version takes over; the one before it still signs, and says since when it is out of date. */
  rotate(productCode: string, now: Date): ProductKey[] {
    const pairs = this.#pairs(productCode);
    const current = pairs.at(-1);
    if (current) pairs[pairs.length - 1] = { ...current, rotatedAt: now };
    pairs.push(this.#newPair(pairs.length + 1));
    return this.versions(productCode);
  }

  /** A JWT of the claims: PS256 by the key of this version [SG23], or InvalidPublicKeyVersionException. */
  sign(productCode: string, version: number, claims: object): { jwt: string; rotatedAt: Date | undefined } {
    const pair = this.#pairs(productCode).find((key) => key.version === version);
    if (!pair)
      throw new ServiceError(
        'InvalidPublicKeyVersionException',
        `The product has no public key of version ${version}.`,
      );
    const text = [{ alg: 'PS256', typ: 'JWT' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    const signature = sign('sha256', Buffer.from(text), { key: pair.privateKey, ...padding });
    return { jwt: `${text}.${signature.toString('base64url')}`, rotatedAt: pair.rotatedAt };
  }

  snapshot(): ProductKeysSnapshot {
    return {
      keys: [...this.#keys].map(([productCode, pairs]) => [
        productCode,
        pairs.map(({ rotatedAt, ...pair }) => ({ ...pair, ...(rotatedAt && { rotatedAt: rotatedAt.toISOString() }) })),
      ]),
    };
  }

  restore({ keys }: ProductKeysSnapshot): void {
    this.#keys.clear();
    this.#count = keys.flatMap(([, pairs]) => pairs).length;
    for (const [productCode, pairs] of keys) {
      const read = pairs.map(({ rotatedAt, ...pair }) => ({
        ...pair,
        ...(rotatedAt !== undefined && { rotatedAt: new Date(rotatedAt) }),
      }));
      this.#keys.set(productCode, read);
    }
  }

  #pairs(productCode: string): KeyPair[] {
    const pairs = this.#keys.get(productCode) ?? [this.#newPair(1)];
    this.#keys.set(productCode, pairs);
    return pairs;
  }

  #newPair(version: number): KeyPair {
    const pair = (made[this.#count] ??= generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    }));
    this.#count += 1;
    return { version, ...pair };
  }
}
