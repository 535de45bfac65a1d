import { z } from 'zod';
import { type ContainerOptions } from './container-options.js';
import { publicKeyOf } from './public-key.js';

const publicKey = z.string({ error: 'give the public key as PEM' }).transform((text, context) => {
  try {
    return publicKeyOf(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/** What a container that calls RegisterUsage needs. */
export const registerUsageSchema = z.strictObject({
  publicKeys: z
    .record(z.string().regex(/^[1-9]\d{0,8}$/, { error: 'give the version of the key, from 1' }), publicKey, {
      error: 'give the public keys of the listing by their versions, for example { 1: "-----BEGIN PUBLIC KEY…" }',
    })
    .refine((keys) => Object.keys(keys).length > 0, { error: 'give at least one public key of the listing' }),
  failOpen: z.boolean({ error: 'give true or false' }).default(false),
});

/** `container.resource`. */
export const resourceSchema = z.custom<NonNullable<ContainerOptions['resource']>>(
  (value) => {
    const { id, region, startedAt } = (value ?? {}) as Record<string, unknown>;
    return typeof id === 'string' && typeof region === 'string' && startedAt instanceof Date;
  },
  { error: 'give an object with id, region and startedAt: a Date' },
);

/** `container.exit`. */
export const exitSchema = z.custom<NonNullable<ContainerOptions['exit']>>((value) => typeof value === 'function', {
  error: 'give a function of an exit code and an error',
});
