import { generateKeyPairSync } from 'node:crypto';
import { packDates, type PackedDates, unpackDates } from '../packed-dates.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';

/**
 * A key with which AWS signs what RegisterUsage answers for one product. The seller ships the public half inside the
 * software.
 */
export interface ProductKey {
  /** From 1 on. */
  readonly version: number;
  /** PEM (SPKI), RSA. */
  readonly publicKey: string;
  /** When a newer version took its place; absent for the current one. */
  readonly rotatedAt?: Date;
  /** Since when AWS no longer signs by it: InvalidPublicKeyVersionException. */
  readonly retiredAt?: Date;
}

export interface KeyPair extends ProductKey {
  readonly privateKey: string;
}

export interface ProductKeysSnapshot {
  readonly keys: readonly (readonly [productCode: string, versions: PackedDates<readonly KeyPair[]>])[];
}

type Pair = Pick<KeyPair, 'publicKey' | 'privateKey'>;

/** Making a pair takes a moment, so the n-th of a length is one and the same for every simulator in a process. */
const made = new Map<string, Pair>();

/** The signing keys of container products. A product's first key comes into being when it is first asked for. */
export class ProductKeys {
  readonly #keys = new Map<string, KeyPair[]>();
  #count = 0;

  constructor(private readonly switches: Readonly<Pick<Switches, 'publicKeyBits'>>) {}

  versions(productCode: string): ProductKey[] {
    return this.#pairs(productCode).map(({ version, publicKey, rotatedAt, retiredAt }) => ({
      version,
      publicKey,
      ...(rotatedAt && { rotatedAt }),
      ...(retiredAt && { retiredAt }),
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

  /** AWS signs by this version no longer. */
  retire(productCode: string, version: number, now: Date): ProductKey[] {
    const pairs = this.#pairs(productCode);
    const index = pairs.findIndex((key) => key.version === version);
    const pair = pairs[index];
    if (!pair) throw new Error(`The product ${productCode} has no public key of version ${version}`);
    pairs[index] = { retiredAt: now, ...pair };
    return this.versions(productCode);
  }

  /** The key that signs for this version, or InvalidPublicKeyVersionException. */
  signing(productCode: string, version: number): KeyPair {
    const pair = this.#pairs(productCode).find((key) => key.version === version);
    if (pair && !pair.retiredAt) return pair;
    throw new ServiceError('InvalidPublicKeyVersionException', `The product has no public key of version ${version}.`);
  }

  /** A key that is none of any product's, as long as theirs. */
  foreign(): KeyPair {
    return { version: 0, ...this.#made('foreign') };
  }

  snapshot(): ProductKeysSnapshot {
    return { keys: [...this.#keys].map(([productCode, pairs]) => [productCode, packDates(pairs)]) };
  }

  restore({ keys }: ProductKeysSnapshot): void {
    this.#keys.clear();
    this.#count = keys.flatMap(([, pairs]) => pairs).length;
    for (const [productCode, pairs] of keys) this.#keys.set(productCode, unpackDates<KeyPair[]>(pairs));
  }

  #pairs(productCode: string): KeyPair[] {
    const pairs = this.#keys.get(productCode) ?? [this.#newPair(1)];
    this.#keys.set(productCode, pairs);
    return pairs;
  }

  #newPair(version: number): KeyPair {
    const pair = this.#made(this.#count);
    this.#count += 1;
    return { version, ...pair };
  }

  #made(which: number | 'foreign'): Pair {
    const { publicKeyBits: modulusLength } = this.switches;
    const name = `${modulusLength} ${which}`;
    const pair =
      made.get(name) ??
      generateKeyPairSync('rsa', {
        modulusLength,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      });
    made.set(name, pair);
    return pair;
  }
}
