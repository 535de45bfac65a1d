/*
 * Who may know whom. Imports only point left, and siblings (rooms within one pair of braces) never meet:
 *
 *   errors <- options <- runtime <- database <- aws <- events <- subscription
 *   <- {registration, metering, entitlement} <- {container, audit} <- admin <- {module, testing}
 *
 * The module file and the public face (src/index.ts) know all rooms. The simulator is a package of its own and shares
 * nothing with the module: it must not inherit our misunderstandings. Type imports count as imports.
 */
const tiers = [
  ['errors'],
  ['options'],
  ['runtime'],
  ['database'],
  ['aws'],
  ['events'],
  ['subscription'],
  ['registration', 'metering', 'entitlement'],
  ['container', 'audit'],
  ['admin'],
  ['testing'],
];
const rooms = tiers.flat();

/** One rule per room: everything to the right of it, and its siblings, is forbidden. */
const roomRules = tiers.flatMap((tier, index) =>
  tier.flatMap((room) => {
    const forbidden = [...tier.filter((sibling) => sibling !== room), ...tiers.slice(index + 1).flat()];
    return forbidden.length === 0
      ? []
      : [
          {
            name: `room-${room}`,
            comment: `src/${room} may import only what stands left of it.`,
            severity: 'error',
            from: { path: `^src/${room}/` },
            to: { path: `^src/(${forbidden.join('|')})/` },
          },
        ];
  }),
);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'known-rooms',
      comment: 'A new room needs its place in the order at the top of this file.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${rooms.join('|')})/` },
      to: {},
    },
    {
      name: 'known-rooms-as-target',
      comment: 'A new room needs its place in the order at the top of this file.',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: `^src/(${rooms.join('|')})/` },
    },
    {
      name: 'nobody-knows-the-module',
      comment: 'The module knows all rooms, so no room knows the module or the public face.',
      severity: 'error',
      from: { path: '^src/[^/]+/|^migrations/' },
      to: { path: '^src/(index|marketplace-metering\\.module)\\.ts$' },
    },
    {
      name: 'simulator-is-unknown',
      comment: 'The module neither ships nor needs the simulator; what hosts test with finds it in their installation.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: '^src/testing/' },
      to: { path: '^packages/|(^|/)aws-marketplace-simulator(/|$)' },
    },
    {
      name: 'testing-is-for-tests',
      comment: 'What production loads must not lead to it.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: '^src/testing/' },
      to: { path: '^(src/testing|tools)/' },
    },
    {
      name: 'simulator-knows-nobody',
      severity: 'error',
      from: { path: '^packages/simulator/' },
      to: { path: '^(src|migrations)/|(^|/)nestjs-marketplace-metering(/|$)' },
    },
    {
      name: 'aws-sdk-only-in-aws',
      severity: 'error',
      from: {
        path: '^(src|migrations)/|^packages/simulator/src/',
        pathNot: '^src/aws/|^packages/simulator/src/notifications/',
      },
      to: { path: '(^|/)node_modules/@(aws-sdk|smithy)/|^@(aws-sdk|smithy)/' },
    },
    {
      name: 'simulator-sends-to-queues-only',
      comment: 'It speaks the protocols of Marketplace itself; the SDK only carries its messages to SQS.',
      severity: 'error',
      from: { path: '^packages/simulator/src/notifications/' },
      to: { path: '(^|/)node_modules/@(aws-sdk|smithy)/|^@(aws-sdk|smithy)/', pathNot: '@aws-sdk/client-sqs(/|$)' },
    },
    {
      name: 'migrations-know-only-typeorm',
      comment: 'A migration is history. What it imports would change under it.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { pathNot: '^migrations/|(^|/)node_modules/typeorm/|^typeorm$' },
    },
    {
      name: 'product-knows-no-workshop',
      severity: 'error',
      from: { path: '^(src|migrations|packages/simulator/src)/' },
      to: { path: '^(packages/simulator/test|test|examples|bench|console|docs|dist)/' },
    },
    {
      name: 'no-development-dependencies',
      comment: 'A published package must not import what its user does not get.',
      severity: 'error',
      from: { path: '^(src|migrations|packages/simulator/src)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm', 'npm-peer'] },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-circles-of-folders',
      comment: 'Two folders that know each other are one folder, or something stands in the wrong one.',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js'],
    },
  },
};
