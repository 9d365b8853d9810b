// The SDK's advice on Node versions would stand between the results of every file.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
// esbuild's worker thread, which buildSync starts by default, can keep Jest from ending.
process.env.ESBUILD_WORKER_THREADS = '0';

const MODULES_ONLY = [
  ...['env-paths', 'p-limit', 'yocto-queue', '@bomb\\.sh/tab'],
  // @observablehq/plot and what it draws with.
  ...['@observablehq', 'd3', 'd3-[a-z-]+', 'internmap', 'delaunator', 'robust-predicates', 'isoformat'],
  // linkedom and what it parses with.
  ...['linkedom', 'css-select', 'css-what', 'nth-check', 'boolbase', 'htmlparser2', 'entities'],
  ...['domhandler', 'domutils', 'domelementtype', 'dom-serializer', 'cssomnom'],
];

const shared = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: {
    '^.+\\.(t|j|mj)sx?$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  // Some libraries ship as ES modules only; they are transformed like our own code.
  transformIgnorePatterns: [`/node_modules/(?!(${MODULES_ONLY.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/cdktf.out', '<rootDir>/dist', '<rootDir>/.lamplighter'],
};

module.exports = {
  // Milliseconds. On a loaded machine a test takes many times what it takes alone. (A project's own limit has no effect.)
  testTimeout: 60_000,
  globalSetup: '<rootDir>/__tests__/support/scratch.ts',
  testSequencer: '<rootDir>/__tests__/support/longest-first.cjs',
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/__tests__/{unit,synth}/**/*.test.ts'] },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/__tests__/e2e/**/*.test.ts'] },
  ],
};
