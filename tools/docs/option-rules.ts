import { z } from 'zod';
import { optionsSchema } from '../../src/options/options.schema.js';

/** What the schema says about one option. */
export interface OptionRule {
  /** Path of the option; a field of a product has `products[].` before it. */
  option: string;
  /** Of a number, the least and the greatest it may be. */
  numbers?: { min: number; max: number };
  /** Of a choice, what there is to choose from. */
  choices?: readonly string[];
  /** Whether the schema has it filled in, and with what. */
  default?: unknown;
}

/** The rules of every option, products' fields included, in the schema's order. */
export function optionRules(): OptionRule[] {
  const leaves = (shape: Record<string, z.core.$ZodType>, prefix: string): OptionRule[] =>
    Object.entries(shape).flatMap(([key, schema]) => {
      const inner = unwrapped(schema);
      if (inner instanceof z.ZodObject) return leaves(inner.shape, `${prefix}${key}.`);
      if (inner instanceof z.ZodArray && unwrapped(inner.element) instanceof z.ZodObject) {
        return leaves((unwrapped(inner.element) as z.ZodObject).shape, `${prefix}${key}[].`);
      }
      return [ruleOf(`${prefix}${key}`, schema, inner)];
    });
  return leaves(optionsSchema.shape, '');
}

/** Path of every option. */
export function optionNames(): string[] {
  return optionRules().map(({ option }) => option);
}

function ruleOf(option: string, schema: z.core.$ZodType, inner: z.core.$ZodType): OptionRule {
  return {
    option,
    ...(inner instanceof z.ZodNumber ? { numbers: { min: inner.minValue ?? NaN, max: inner.maxValue ?? NaN } } : {}),
    ...(inner instanceof z.ZodEnum ? { choices: inner.options.map(String) } : {}),
    ...(schema instanceof z.ZodDefault ? { default: schema.def.defaultValue } : {}),
  };
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const wrapped = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault;
  return wrapped ? unwrapped(schema.unwrap()) : schema;
}
