import { ServiceError } from './service-error.js';

/** A JSON object as it came over the wire. */
export type JsonObject = Readonly<Record<string, unknown>>;

export interface TextRule {
  /** Characters. */
  min?: number;
  /** Characters. */
  max?: number;
  pattern?: RegExp;
}

/**
 * Reads the members of one structure of a request and holds them against the service model.
 *
 * A wrong JSON type is a SerializationException, as every AWS JSON service answers it; a violated constraint is the
 * error that the operation chooses. A member that is null counts as absent, an unknown member is ignored.
 */
export class InputReader {
  constructor(
    readonly object: JsonObject,
    /** Where the structure stands in the request, for messages; empty for the request itself. */
    private readonly path: string,
    private readonly constraintError: string,
  ) {}

  text(member: string, rule: TextRule = {}): string | undefined {
    const value = this.#value(member);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw this.#wrongType(member, 'a string');
    if (value.length < (rule.min ?? 0))
      throw this.violation(member, `must have length greater than or equal to ${rule.min ?? 0}`);
    if (rule.max !== undefined && value.length > rule.max)
      throw this.violation(member, `must have length less than or equal to ${rule.max}`);
    if (rule.pattern && !rule.pattern.test(value)) {
      throw this.violation(member, `must satisfy regular expression pattern: ${rule.pattern.source}`);
    }
    return value;
  }

  integer(member: string, rule: { min: number; max: number }): number | undefined {
    const value = this.#value(member);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isInteger(value)) throw this.#wrongType(member, 'an integer');
    if (value < rule.min || value > rule.max)
      throw this.violation(member, `must be between ${rule.min} and ${rule.max}`);
    return value;
  }

  boolean(member: string): boolean | undefined {
    const value = this.#value(member);
    if (value !== undefined && typeof value !== 'boolean') throw this.#wrongType(member, 'a boolean');
    return value;
  }

  /** Epoch seconds, possibly with a fraction, as milliseconds. */
  timestamp(member: string): number | undefined {
    const value = this.#value(member);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw this.#wrongType(member, 'a timestamp in epoch seconds');
    const ms = Math.round(value * 1000);
    if (Number.isNaN(new Date(ms).getTime())) throw this.#wrongType(member, 'a timestamp in epoch seconds');
    return ms;
  }

  list(member: string, rule: { min: number; max: number }): InputReader[] | undefined {
    const value = this.#list(member, rule);
    return value?.map((item, index) => {
      const path = `${this.#at(member)}.${index + 1}.member`;
      return InputReader.of(item, path, this.constraintError);
    });
  }

  texts(member: string, rule: { min: number; max?: number }): string[] | undefined {
    const value = this.#list(member, rule);
    return value?.map((item) => {
      if (typeof item !== 'string') throw this.#wrongType(member, 'a list of strings');
      return item;
    });
  }

  structure(member: string): InputReader | undefined {
    const value = this.#value(member);
    return value === undefined ? undefined : InputReader.of(value, this.#at(member), this.constraintError);
  }

  /** The value, or the error for a required member that is missing. */
  required<T>(member: string, value: T | undefined): T {
    if (value === undefined) throw this.violation(member, 'must not be null');
    return value;
  }

  violation(member: string, rule: string): ServiceError {
    return new ServiceError(
      this.constraintError,
      `1 validation error detected: Value at '${this.#at(member)}' failed to satisfy constraint: Member ${rule}`,
    );
  }

  static of(value: unknown, path: string, constraintError: string): InputReader {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ServiceError('SerializationException', `Expected a structure${path === '' ? '' : ` at '${path}'`}`);
    }
    return new InputReader(value as JsonObject, path, constraintError);
  }

  #value(member: string): unknown {
    return this.object[member] ?? undefined;
  }

  #list(member: string, rule: { min: number; max?: number }): unknown[] | undefined {
    const value = this.#value(member);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#wrongType(member, 'a list');
    if (value.length < rule.min) throw this.violation(member, `must have length greater than or equal to ${rule.min}`);
    if (rule.max !== undefined && value.length > rule.max)
      throw this.violation(member, `must have length less than or equal to ${rule.max}`);
    return value as unknown[];
  }

  #at(member: string): string {
    const camel = member.charAt(0).toLowerCase() + member.slice(1);
    return this.path === '' ? camel : `${this.path}.${camel}`;
  }

  #wrongType(member: string, expected: string): ServiceError {
    return new ServiceError('SerializationException', `Value at '${this.#at(member)}' is not ${expected}`);
  }
}
