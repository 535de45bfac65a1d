import { type z } from 'zod';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Names in the braces of a path. */
type PathParameters<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [Key in Name]: string } & PathParameters<Rest>
  : unknown;

interface Definition<Path extends string, Query extends z.ZodType, Body extends z.ZodType> {
  readonly method: HttpMethod;
  /** Below `/_simulator`. */
  readonly path: Path;
  readonly summary: string;
  readonly query?: Query;
  readonly body?: Body;
  /** Default 200; 204 where there is no `answer`. */
  readonly status?: 201;
  /** Absent: no content. */
  readonly answer?: z.ZodType;
  run(input: {
    readonly params: PathParameters<Path>;
    readonly query: z.output<Query>;
    readonly body: z.output<Body>;
  }): unknown;
}

/**
 * One operation of the control API: what it takes, what it answers, and what it does. The OpenAPI document is made of
 * nothing else.
 */
export interface ControlRoute extends Omit<Definition<string, z.ZodType, z.ZodType>, 'run'> {
  run(input: {
    readonly params: Readonly<Record<string, string>>;
    readonly query: unknown;
    readonly body: unknown;
  }): unknown;
}

export function route<
  const Path extends string,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
>(definition: Definition<Path, Query, Body>): ControlRoute {
  return definition as unknown as ControlRoute;
}
