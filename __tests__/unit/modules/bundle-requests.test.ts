import { join } from 'node:path';
import { CASES, METADATA_ANSWERS, UNSENT, type Case } from '../../support/wire/calls';
import { driverOf, Recorder, type Variant } from '../../support/wire/requests';
import { PARTS } from '../../../modules/bundle';
import { commandsIn } from '../../../modules/bundle-commands';

const PACKAGE = join(__dirname, '..', '..', '..');
const VARIANTS: readonly Variant[] = ['whole', 'cut'];

const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_SESSION_TOKEN: 'a token',
};
const FUNCTION = {
  AWS_LAMBDA_FUNCTION_NAME: 'p-trigger',
  _X_AMZN_TRACE_ID: 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1',
};

/** Where the SDK finds an endpoint of its own. Nothing is sent there. */
const ADDRESSES = [
  { AWS_REGION: 'us-east-1' },
  { AWS_REGION: 'us-gov-west-1', AWS_USE_FIPS_ENDPOINT: 'true' },
  { AWS_REGION: 'cn-north-1' },
  { AWS_REGION: 'eu-west-1', AWS_USE_DUALSTACK_ENDPOINT: 'true' },
  { AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL_S3: 'https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com' },
  { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: '', AWS_EC2_METADATA_DISABLED: 'true' },
] as const;

describe.each(PARTS)('the bundle of %s', (part) => {
  let commands: Map<string, string>;
  beforeAll(async () => {
    commands = await commandsIn(PACKAGE, part);
    for (const unsent of Object.keys(UNSENT)) commands.delete(unsent);
  });

  test('has no command without a case here, so that none goes out untested', () => {
    const tested = new Set(CASES.map(({ command }) => command));
    expect([...commands.keys()].filter((command) => !tested.has(command))).toEqual([]);
    expect(commands.size).toBeGreaterThan(5);
  });

  test('sends and understands the same as the whole SDK, so that no call to AWS changes by the cuts', async () => {
    const calls = CASES.filter(({ command, client }) =>
      command === 'Upload' ? part === 'runner' : commands.get(command) === client,
    );
    const recorder = new Recorder();
    const address = await recorder.open();
    const local = { AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: address };
    const instance = { ...local, AWS_ACCESS_KEY_ID: '', AWS_EC2_METADATA_SERVICE_ENDPOINT: address };
    const rounds = [
      { environment: local, isDry: false },
      ...ADDRESSES.map((environment) => ({ environment, isDry: true })),
      // Only the runner gets its credentials from the instance.
      ...(part === 'runner' ? [{ environment: instance, isDry: true }] : []),
    ];
    const answers = [
      ...calls.flatMap((each) => each.answers),
      ...(part === 'runner' ? METADATA_ANSWERS : []),
    ];
    const environment = part === 'runner' ? CREDENTIALS : { ...CREDENTIALS, ...FUNCTION };
    const exchanges: unknown[] = [];
    try {
      for (const variant of VARIANTS) {
        const program = await driverOf(part, variant, commands);
        const driver = { program, part, variant, environment, calls, rounds };
        const { outcomes, ...sent } = await recorder.exchange(driver, answers);
        expect(sent.requests).toHaveLength(answers.length);
        expect(sent.connections).toBeLessThan(calls.length / 2);
        exchanges.push({ ...sent, outcomes: outcomes.map((round) => labelled(calls, round)) });
      }
    } finally {
      recorder.close();
    }
    const [whole, cut] = exchanges;
    expect(cut).toEqual(whole);
  });
});

/** The outcomes with the cases' names, so that a difference shows where it is. The delay before a retry is random. */
function labelled(calls: readonly Case[], outcomes: readonly object[]) {
  const fixed = JSON.parse(
    JSON.stringify(outcomes, (key, value: unknown) => (key === 'totalRetryDelay' ? undefined : value)),
  ) as unknown[];
  return fixed.map((outcome, index) => ({ case: calls[index]?.what, outcome }));
}
