import { type z } from 'zod';

export interface FieldProblem {
  /** Where it stands, such as `dimensions[0].name`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/** A request to the control API that is refused, with what to send instead. */
export class ControlProblem extends Error {
  constructor(
    readonly status: 400 | 403 | 404 | 405 | 409 | 413 | 415,
    message: string,
    readonly problems: readonly FieldProblem[] = [],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** What a schema found, each with its place and what was expected there. */
export function fieldProblems(error: z.ZodError, root = ''): FieldProblem[] {
  return error.issues.map(({ path, message }) => ({ path: pathText(root, path), message }));
}

function pathText(root: string, path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return root === '' ? text.replace(/^\./, '') : `${root}${text}`;
}
