import type { EC2Client } from '@aws-sdk/client-ec2';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { SSMClient } from '@aws-sdk/client-ssm';
import { describeCommandsContract } from '../../support/contracts/commands';
import { describeFunctionContract } from '../../support/contracts/function';
import { describeInstanceContract } from '../../support/contracts/instance';
import { SimulatedAccount } from '../../support/contracts/simulated-account';
import { FakeAccount } from '../../support/fake-account';

const FAKE = 'the unit tests’ FakeAccount';
const SIMULATOR = 'the simulator';

const ONE_INSTANCE = 'it has one instance, and no part of ours names another';
const ONE_FUNCTION = 'it has one worker, and no part of ours names another function';
const NO_TERMINATION = 'no part of the simulator terminates the instance: the pipeline would be gone';

describeInstanceContract(
  FAKE,
  () => {
    const account = new FakeAccount();
    return {
      ec2: account.ec2 as unknown as EC2Client,
      id: 'i-1',
      now: account.clock.now,
      // A test sets the state; the fake changes none by itself.
      reach: (state) => {
        account.state = state;
        return Promise.resolve();
      },
      interrupt: () => {
        account.state = 'stopped';
        account.isInterrupted = true;
        return Promise.resolve();
      },
      wait: account.clock.sleep,
    };
  },
  { 'an unknown instance is InvalidInstanceID.NotFound, 400': ONE_INSTANCE },
);

describeInstanceContract(
  SIMULATOR,
  () => {
    const account = new SimulatedAccount();
    const { instance, timeline } = account.world;
    const described = () => account.advance(1_000);
    return {
      ec2: account.client as unknown as EC2Client,
      id: 'i-1',
      now: () => timeline.now,
      reach: async (state) => {
        if (state === 'terminated') throw new Error('the simulated instance is never terminated');
        if (state !== instance.state && state !== 'stopped' && instance.state === 'stopped') {
          instance.start('people');
        }
        if (state === 'stopping') {
          await account.advanceUntil(() => instance.state !== 'pending');
          instance.stop('people');
        }
        await account.advanceUntil(() => instance.state === state);
        await described();
      },
      interrupt: async () => {
        instance.interrupt();
        await account.advanceUntil(() => instance.state === 'stopped');
      },
      wait: (milliseconds) => account.advance(milliseconds),
    };
  },
  {
    'an unknown instance is InvalidInstanceID.NotFound, 400': ONE_INSTANCE,
    'a terminated instance can neither start nor stop, and its reading fails': NO_TERMINATION,
    'a stop of a terminated instance is IncorrectInstanceState, 400': NO_TERMINATION,
  },
);

describeCommandsContract(FAKE, () => {
  const account = new FakeAccount();
  const boot = async () => {
    account.state = 'running';
    await account.clock.sleep(1_000);
    account.launchTime = new Date(account.clock.now());
    await account.clock.sleep(5_000);
    return account.launchTime;
  };
  return {
    ssm: account.ssm as unknown as SSMClient,
    id: 'i-1',
    document: 'p-drain',
    now: account.clock.now,
    bootWithAgent: async () => {
      const launchTime = await boot();
      account.lastPing = new Date(account.clock.now());
      return launchTime;
    },
    bootAgainWithoutAgent: boot,
    untilEnded: (commandId) => {
      const command = account.commands.find(({ CommandId }) => CommandId === commandId);
      command!.Status = 'Success';
      return Promise.resolve();
    },
    wait: account.clock.sleep,
  };
});

describeCommandsContract(SIMULATOR, () => {
  const account = new SimulatedAccount();
  const { instance, ssm, timeline } = account.world;
  const start = async () => {
    instance.start('people');
    await account.advanceUntil(() => instance.state === 'running');
    return new Date(instance.launchTime);
  };
  return {
    ssm: account.client as unknown as SSMClient,
    id: 'i-1',
    document: 'p-drain',
    now: () => timeline.now,
    bootWithAgent: async () => {
      const launchTime = await start();
      await account.advanceUntil(() => ssm.hasPingedSince(instance.launchTime));
      return launchTime;
    },
    bootAgainWithoutAgent: async () => {
      instance.stop('people');
      await account.advanceUntil(() => instance.state === 'stopped');
      return start();
    },
    untilEnded: (commandId) =>
      account.advanceUntil(() =>
        ssm.commands.some(({ id, statuses }) => id === commandId && statuses.at(-1)?.status === 'Success'),
      ),
    wait: (milliseconds) => account.advance(milliseconds),
  };
});

describeFunctionContract(
  FAKE,
  () => {
    const account = new FakeAccount();
    const received: object[] = [];
    return {
      lambda: account.lambda as unknown as LambdaClient,
      functionName: 'p-worker',
      received: () => received,
      untilReceived: (times) => {
        received.push(...account.invocations.map((payload) => JSON.parse(payload) as object));
        return received.length < times ? Promise.reject(new Error('not so often')) : Promise.resolve();
      },
    };
  },
  {
    'an unknown function is ResourceNotFoundException, 404': ONE_FUNCTION,
    'a function that fails is run again with the same event': 'it runs no function: a test calls the handler',
  },
);

describeFunctionContract(
  SIMULATOR,
  () => {
    const account = new SimulatedAccount();
    const received: { fail?: boolean }[] = [];
    Reflect.set(account.world.functions, 'run', (_name: string, event: { fail?: boolean }) => {
      received.push(event);
      return event.fail === true && received.length === 1
        ? Promise.reject(new Error('as ordered'))
        : Promise.resolve();
    });
    return {
      lambda: account.client as unknown as LambdaClient,
      functionName: 'p-worker',
      received: () => received,
      untilReceived: (times) => account.advanceUntil(() => received.length >= times),
    };
  },
  { 'an unknown function is ResourceNotFoundException, 404': ONE_FUNCTION },
);
