import { z } from 'zod';
import { type ControlRoute } from './control-route.js';

type JsonSchema = Record<string, unknown>;

const problem = z
  .object({
    error: z.object({
      message: z.string(),
      problems: z
        .array(z.object({ path: z.string(), message: z.string() }))
        .meta({ description: 'Fields that do not fit, and what was expected' }),
    }),
  })
  .meta({ id: 'Problem' });

/** OpenAPI 3.1 of the routes: made of the schemas that check the requests, so that it cannot say anything else. */
export function openApiDocument(routes: readonly ControlRoute[]): JsonSchema {
  const schemas: Record<string, JsonSchema> = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `/_simulator${route.path}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, schemas) };
  }
  const refused = {
    description: 'Refused, with what to send instead',
    content: jsonContent(componentOf(problem, 'output', schemas)),
  };
  return {
    openapi: '3.1.0',
    info: {
      title: 'AWS Marketplace simulator: control API',
      version: '1',
      description:
        'Requests with a body need `content-type: application/json`. Moments are ISO 8601 by the simulator’s clock.',
    },
    paths,
    components: { schemas, responses: { Refused: refused } },
  };
}

function operationOf(route: ControlRoute, schemas: Record<string, JsonSchema>): JsonSchema {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const { properties = {}, required = [] } = (route.query ? inlineOf(route.query, schemas) : {}) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  const inQuery = Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
  const success = route.answer
    ? {
        [String(route.status ?? 200)]: {
          description: 'Done',
          content: jsonContent(componentOf(route.answer, 'output', schemas)),
        },
      }
    : { 204: { description: 'Done' } };
  return {
    summary: route.summary,
    operationId: `${route.method.toLowerCase()}${route.path.replace(/[^a-zA-Z]+(.)?/g, (_, next: string | undefined) => (next ?? '').toUpperCase())}`,
    ...(inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] }),
    ...(route.body && { requestBody: { content: jsonContent(componentOf(route.body, 'input', schemas)) } }),
    responses: { ...success, default: { $ref: '#/components/responses/Refused' } },
  };
}

function jsonContent(schema: JsonSchema): JsonSchema {
  return { 'application/json': { schema } };
}

function inlineOf(schema: z.ZodType, schemas: Record<string, JsonSchema>): JsonSchema {
  return converted(schema, 'input', schemas);
}

/** A schema with an id goes to the components, once. */
function componentOf(schema: z.ZodType, io: 'input' | 'output', schemas: Record<string, JsonSchema>): JsonSchema {
  const id = schema.meta()?.id;
  if (id === undefined) return converted(schema, io, schemas);
  // Converted first: a schema that is used within itself comes out as its own definition, and that is the one to keep.
  const component = converted(schema, io, schemas);
  schemas[id] ??= component;
  return { $ref: `#/components/schemas/${id}` };
}

/** Schemas inside that have an id come out as `$defs`, which OpenAPI keeps in one place. */
function converted(schema: z.ZodType, io: 'input' | 'output', schemas: Record<string, JsonSchema>): JsonSchema {
  const { $defs = {}, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  for (const [name, definition] of Object.entries($defs)) schemas[name] ??= relinked(definition);
  return relinked(rest);
}

function relinked(schema: object): JsonSchema {
  const own = Object.entries(schema).filter(([key]) => key !== '$schema' && key !== 'id');
  return JSON.parse(
    JSON.stringify(Object.fromEntries(own)).replaceAll('"#/$defs/', '"#/components/schemas/'),
  ) as JsonSchema;
}
