import eslint from '@eslint/js';
import jest from 'eslint-plugin-jest';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

const nodeGlobals = Object.fromEntries(
  [
    'AbortController',
    'Buffer',
    'URL',
    'URLSearchParams',
    'clearInterval',
    'clearTimeout',
    'console',
    'fetch',
    'performance',
    'process',
  ]
    .concat(['queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone'])
    .map((name) => [name, 'readonly']),
);

export default tseslint.config(
  { ignores: ['**/dist', 'coverage', '.tmp'] },
  eslint.configs.recommended,
  { rules: { eqeqeq: ['error', 'always'] } },
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], languageOptions: { globals: nodeGlobals } },
  {
    files: ['**/*.cjs'],
    languageOptions: { globals: { module: 'writable', require: 'readonly', __dirname: 'readonly' } },
  },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // Understands decorator metadata: an injected class stays a real import.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // Nest declares its plain options (`NestApplicationContextOptions`) as classes.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // pg's type parsers are chosen by number, since its enum does not know them all; the rule also takes a fifth of
      // the time.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    // What waits for an assertion is handed one: `waitFor(() => expect(…)…)`.
    files: ['**/*.spec.ts'],
    rules: { '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }] },
  },
  {
    files: ['test/**/*.ts', 'packages/*/test/**/*.ts'],
    extends: [jest.configs['flat/recommended']],
    rules: {
      // Assertions also come from properties, and from helpers that say so in their name.
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect*', '**.expect*', 'assert*', '**.assert*'] }],
      // Helpers assert too, and so do tests under a condition (`itAsRoot`).
      'jest/no-standalone-expect': 'off',
      // A property or a model states what must hold in each case; its cases are conditions.
      'jest/no-conditional-expect': 'off',
      // Tests put fakes in a method's place and hand methods to expect() without calling them.
      '@typescript-eslint/unbound-method': 'off',
      // Bodies and asymmetric matchers are `any`, and reading them is the point. Calling one still is an error.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      // A missing row fails the test, which is what it is for.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Fakes implement asynchronous interfaces with nothing to wait for.
      '@typescript-eslint/require-await': 'off',
    },
  },
  prettier,
);
