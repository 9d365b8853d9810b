import tseslint from 'typescript-eslint';

/**
 * The house's directions of import (docs/ARCHITECTURE.md): a folder may only reach the folders that its row names.
 * The lifecycle is the centre and reaches none of the others.
 */
const mayNotImport = {
  lifecycle: ['handlers', 'modules', 'runner', 'scripts', 'simulation', 'main'],
  handlers: ['modules', 'runner', 'scripts', 'simulation', 'main'],
  runner: ['handlers', 'modules', 'scripts', 'simulation', 'main'],
  modules: ['handlers', 'runner', 'scripts', 'simulation', 'main'],
  scripts: ['handlers', 'runner', 'simulation', 'main'],
  simulation: ['modules', 'scripts', 'main'],
};

const barrel = {
  name: '@cdktf/provider-aws',
  message: 'The barrel costs seconds and 500 MB: import @cdktf/provider-aws/lib/<resource>.',
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
  ...Object.entries(mayNotImport).map(([folder, others]) => ({
    files: [`${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [barrel],
          patterns: [
            simulator,
            {
              regex: `^(\\.\\./)+(${others.join('|')})(/|$)`,
              message: `${folder}/ may not import from ${others.join(', ')} (docs/ARCHITECTURE.md, the house).`,
            },
          ],
        },
      ],
    },
  })),
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
