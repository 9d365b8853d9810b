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
  transformIgnorePatterns: [
    '/node_modules/(?!(execa|get-port|env-paths|p-retry|p-limit|is-network-error|yocto-queue|npm-run-path|unicorn-magic|path-key|human-signals|strip-final-newline|get-stream|is-stream|is-plain-obj|figures|is-unicode-supported|parse-ms|pretty-ms|@sindresorhus|@sec-ant)/)',
  ],
  modulePathIgnorePatterns: ['<rootDir>/cdktf.out', '<rootDir>/dist', '<rootDir>/.lamplighter'],
};

module.exports = {
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/__tests__/{unit,synth}/**/*.test.ts'] },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/__tests__/e2e/**/*.test.ts'] },
  ],
};
