import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import { zones } from './lint/house.mjs';
import { plainWords } from './lint/plain-words.mjs';

const barrel = {
  name: '@cdktf/provider-aws',
  message: 'The barrel costs seconds and 500 MB: import @cdktf/provider-aws/lib/<resource>.',
};

const wholeZod = {
  name: 'zod',
  message: 'A function loads this: import * as z from zod/mini, which loads in a third of the time.',
};

/** Its licence (AGPL) is no matter for a local cloud; nothing that is deployed may hold it. */
const simulator = {
  group: ['@cloud-copilot/*'],
  message: 'Only local-cloud/iam/simulation.ts and tests ask the IAM simulator.',
};

export default tseslint.config(
  {
    ignores: [
      'cdktf.out/',
      'dist/',
      'coverage/',
      '.lamplighter/',
      'node_modules/',
      'models/',
      '**/*.js',
      '**/*.mjs',
      '**/*.cjs',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'ExportAllDeclaration', message: 'No barrel files: import from the file that has it.' },
      ],
      'no-restricted-imports': ['error', { paths: [barrel], patterns: [simulator] }],
    },
  },
  {
    plugins: { 'import-x': importX, lamplighter: { rules: { 'plain-words': plainWords } } },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js', '.json'] })] },
    rules: {
      'import-x/no-restricted-paths': [
        'error',
        { basePath: import.meta.dirname, zones: zones(import.meta.dirname) },
      ],
      'lamplighter/plain-words': 'error',
    },
  },
  {
    ignores: ['__tests__/**'],
    rules: { 'max-lines-per-function': ['error', { max: 70 }] },
  },
  {
    files: ['handlers/**/*.ts', 'lifecycle/**/*.ts', 'runner/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [barrel, wholeZod], patterns: [simulator] }] },
  },
  {
    files: ['local-cloud/iam/simulation.ts', '__tests__/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [barrel] }] },
  },
  {
    // NaN, unbound methods and non-null access are everyday tools of a test.
    files: ['__tests__/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
