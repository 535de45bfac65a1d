import { z } from 'zod';
import { type ControlledSimulator } from './controlled-simulator.js';
import { type ControlRoute, route } from './control-route.js';
import { duration, moment } from './scalars.js';

const scope = {
  accountId: z.exactOptional(z.string()),
  region: z.exactOptional(z.string()),
  eventName: z.exactOptional(z.string()),
  eventIds: z.exactOptional(z.array(z.string())),
  from: z.exactOptional(moment),
  to: z.exactOptional(moment),
};

const lossRequest = z.strictObject(scope).meta({ id: 'TrailScope', description: 'Events; all members must fit' });

const delayRequest = z.strictObject({ scope: z.strictObject(scope), by: duration }).meta({ id: 'TrailDelay' });

const foreignRecord = z
  .strictObject({
    record: z.union([z.record(z.string(), z.unknown()), z.string()]),
    accountId: z.exactOptional(z.string()),
    region: z.exactOptional(z.string()),
    at: z.exactOptional(moment),
  })
  .meta({ id: 'ForeignRecord' });

const filesRequest = z
  .strictObject({
    accountId: z.exactOptional(z.string()),
    region: z.exactOptional(z.string()),
    from: z.exactOptional(moment),
    to: z.exactOptional(moment),
    prefix: z.exactOptional(z.string().min(1)),
    organizationId: z.exactOptional(z.string().min(1)),
    trails: z.exactOptional(z.int().min(1)),
    eventsPerFile: z.exactOptional(z.int().min(1)),
    foreignEventsPerFile: z.exactOptional(z.int().min(0)),
    digests: z.exactOptional(z.boolean()),
    insights: z.exactOptional(z.boolean()),
    cutOff: z.exactOptional(z.int().min(0)),
  })
  .meta({ id: 'TrailFilesRequest' });

const files = z
  .object({ files: z.array(z.object({ path: z.string(), body: z.string().meta({ description: 'base64' }) })) })
  .meta({ id: 'TrailFiles' });

const nothing = z.strictObject({});

/** What CloudTrail has of the metering service, and what it has lost. */
export function trailRoutes({ trail }: ControlledSimulator): ControlRoute[] {
  return [
    route({
      method: 'POST',
      path: '/trail/losses',
      summary: 'Events that CloudTrail never shows, nor writes to files: a gap',
      body: lossRequest,
      run: ({ body }) => {
        trail.lose(body);
      },
    }),
    route({
      method: 'POST',
      path: '/trail/delays',
      summary: 'Events that show later than others',
      body: delayRequest,
      run: ({ body }) => {
        trail.delay(body.scope, body.by);
      },
    }),
    route({
      method: 'POST',
      path: '/trail/records',
      summary: 'A record that is none of the simulator’s own, as CloudTrail would hand it out',
      body: foreignRecord,
      status: 201,
      answer: z.object({ eventId: z.string() }),
      run: ({ body }) => ({ eventId: trail.insert(body) }),
    }),
    route({
      method: 'POST',
      path: '/trail/files',
      summary: 'What a trail has put into its bucket by now',
      body: filesRequest,
      answer: files,
      run: ({ body }) => ({
        files: trail.files(body).map(({ path, body: content }) => ({ path, body: content.toString('base64') })),
      }),
    }),
    route({
      method: 'POST',
      path: '/trail/expire-tokens',
      summary: 'No NextToken that was given out before is good any more',
      body: nothing,
      run: () => {
        trail.expireTokens();
      },
    }),
    route({
      method: 'DELETE',
      path: '/trail',
      summary: 'No gaps, delays or foreign records any more',
      run: () => {
        trail.clear();
      },
    }),
  ];
}
