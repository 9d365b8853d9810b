import {
  parseEnvironment,
  stopEnvironmentSchema,
  workerEnvironmentSchema,
} from '../../../lifecycle/environment';

const worker = {
  LAMPLIGHTER_PIPELINE: 'p',
  LAMPLIGHTER_INSTANCE_ID: 'i-1',
  LAMPLIGHTER_DOCUMENT: 'p-drain',
  LAMPLIGHTER_DRAIN_LOG_GROUP: '/p/drain',
  LAMPLIGHTER_TIME_LIMIT_SECONDS: '300',
};

describe('parseEnvironment', () => {
  it('returns numbers as numbers, frozen, without other variables', () => {
    const environment = parseEnvironment(workerEnvironmentSchema, { ...worker, AWS_SECRET_ACCESS_KEY: 'x' });
    expect(environment.LAMPLIGHTER_TIME_LIMIT_SECONDS).toBe(300);
    expect(Object.isFrozen(environment)).toBe(true);
    expect(JSON.stringify(environment)).not.toContain('SECRET');
  });

  it.each([
    ['LAMPLIGHTER_TIME_LIMIT_SECONDS', undefined, 'is missing'],
    ['LAMPLIGHTER_TIME_LIMIT_SECONDS', 'soon', 'whole number'],
    ['LAMPLIGHTER_TIME_LIMIT_SECONDS', '0', 'whole number'],
    ['LAMPLIGHTER_PIPELINE', '  ', 'blank'],
  ])('names the problem before any work starts: %s=%s', (name, value, problem) => {
    expect(() => parseEnvironment(workerEnvironmentSchema, { ...worker, [name]: value })).toThrow(
      new RegExp(`${name}: .*${problem}`),
    );
  });

  it('names every problem at once', () => {
    expect(() => parseEnvironment(stopEnvironmentSchema, { ...worker, LAMPLIGHTER_MODELS: 'x' })).toThrow(
      /DATA_BUCKET.*CONTROL_BUCKET.*MODELS.*BREAKER.*LINGER/,
    );
  });
});
