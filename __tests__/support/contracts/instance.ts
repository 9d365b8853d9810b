import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  type EC2Client,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import { LamplighterError } from '../../../lifecycle/errors';
import { HOLD_TAG, Instance, PAUSE_TAG, PHASE_TAG, type InstanceState } from '../../../lifecycle/instance';
import {
  awsFailure,
  describeContract,
  failureOf,
  type ContractCase,
  type KnownDifferences,
  type UnderTest,
} from './contract';

/** An EC2 with one spot instance, which has been launched and is `stopped`. */
export interface InstanceUnderTest extends UnderTest {
  readonly ec2: EC2Client;
  readonly id: string;
  /** Now, by EC2's clock. */
  now(): number;
  /** Brings the instance into the state, and waits until EC2 describes it so. */
  reach(state: InstanceState): Promise<void>;
  /** EC2 interrupts the running spot instance. Returns when the instance is stopped. */
  interrupt(): Promise<void>;
  /** Lets the time of EC2 pass. Descriptions are eventually consistent. */
  wait(milliseconds: number): Promise<void>;
}

type Case = ContractCase<InstanceUnderTest>;

const API = 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference';
const START = `${API}/API_StartInstances.html`;
const STOP = `${API}/API_StopInstances.html`;
const ERRORS = `${API}/errors-overview.html`;
const INSTANCE = 'lifecycle/instance.ts';
const SPOT = 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/interruption-behavior.html';

/** The time after which every description shows an earlier change. */
const CONSISTENT_MS = 1_100;

const instanceOf = ({ ec2, id }: InstanceUnderTest) => new Instance(ec2, id);
const start = ({ ec2, id }: InstanceUnderTest) => ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
const stop = ({ ec2, id }: InstanceUnderTest) => ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
const describeRaw = async ({ ec2, id }: InstanceUnderTest) => {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
};

const WRONG_STATE = awsFailure('IncorrectInstanceState', 400);

const STARTS: readonly Case[] = [
  {
    title: 'a start of a stopped instance makes it pending, with a new launch time',
    usedBy: INSTANCE,
    source: START,
    check: async (subject) => {
      const before = await instanceOf(subject).read();
      await subject.wait(CONSISTENT_MS);
      const from = subject.now();
      const { StartingInstances, $metadata } = await start(subject);
      expect(StartingInstances![0]).toMatchObject({
        PreviousState: { Name: 'stopped' },
        CurrentState: { Name: 'pending' },
      });
      expect($metadata.attempts).toBe(1);
      await subject.reach('pending');
      const { launchTime } = await instanceOf(subject).read();
      expect(launchTime.getTime()).toBeGreaterThan(before.launchTime.getTime());
      expect(launchTime.getTime()).toBeGreaterThanOrEqual(Math.floor(from / 1_000) * 1_000);
    },
  },
  {
    title: 'a pending instance becomes running by itself',
    usedBy: 'lifecycle/dispatch.ts',
    source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html',
    check: async (subject) => {
      await start(subject);
      await subject.reach('pending');
      const { launchTime } = await instanceOf(subject).read();
      await subject.reach('running');
      expect(await instanceOf(subject).read()).toMatchObject({ state: 'running', launchTime });
    },
  },
  {
    title: 'a start of a pending instance has no effect, and says that it was pending',
    usedBy: INSTANCE,
    source: START,
    check: async (subject) => {
      await subject.reach('pending');
      const { launchTime } = await instanceOf(subject).read();
      expect(await instanceOf(subject).start()).toEqual({ refused: false, was: 'pending' });
      await subject.reach('running');
      expect((await instanceOf(subject).read()).launchTime).toEqual(launchTime);
    },
  },
  {
    title: 'a start of a running instance has no effect, and says that it was running',
    usedBy: INSTANCE,
    source: START,
    check: async (subject) => {
      await subject.reach('running');
      const { launchTime } = await instanceOf(subject).read();
      await subject.wait(CONSISTENT_MS);
      expect(await instanceOf(subject).start()).toEqual({ refused: false, was: 'running' });
      await subject.wait(CONSISTENT_MS);
      expect(await instanceOf(subject).read()).toMatchObject({ state: 'running', launchTime });
    },
  },
  {
    title: 'a start of a stopping instance is IncorrectInstanceState, 400',
    usedBy: INSTANCE,
    source: ERRORS,
    check: async (subject) => {
      await subject.reach('stopping');
      expect(await failureOf(start(subject))).toEqual(WRONG_STATE);
      expect(await instanceOf(subject).start()).toEqual({ refused: 'state' });
    },
  },
  {
    title: 'a start of an interrupted spot instance is IncorrectSpotRequestState, 400',
    usedBy: INSTANCE,
    source: SPOT,
    check: async (subject) => {
      await subject.reach('running');
      await subject.interrupt();
      expect(await failureOf(start(subject))).toEqual(awsFailure('IncorrectSpotRequestState', 400));
      expect(await instanceOf(subject).start()).toEqual({ refused: 'state' });
    },
  },
];

const STOPS: readonly Case[] = [
  {
    title: 'a stop of a running instance makes it stopping, then stopped; its launch time stays',
    usedBy: INSTANCE,
    source: STOP,
    check: async (subject) => {
      await subject.reach('running');
      const { launchTime } = await instanceOf(subject).read();
      expect(await instanceOf(subject).stop()).toEqual({ refused: false });
      await subject.reach('stopping');
      expect((await instanceOf(subject).read()).launchTime).toEqual(launchTime);
      await subject.reach('stopped');
      expect((await instanceOf(subject).read()).launchTime).toEqual(launchTime);
    },
  },
  {
    title: 'EC2 reports the second of the last StopInstances, until the next start',
    usedBy: 'lifecycle/session.ts',
    source: `${API}/API_Instance.html`,
    check: async (subject) => {
      await subject.reach('running');
      expect((await instanceOf(subject).read()).stopRequestedAt).toBeUndefined();
      const from = subject.now();
      await stop(subject);
      const to = subject.now();
      await subject.reach('stopped');
      const { stopRequestedAt } = await instanceOf(subject).read();
      expect(stopRequestedAt!.getTime()).toBeGreaterThanOrEqual(Math.floor(from / 1_000) * 1_000);
      expect(stopRequestedAt!.getTime()).toBeLessThanOrEqual(to);
      expect((await describeRaw(subject)).StateTransitionReason).toMatch(/^User initiated \(.* (GMT|UTC)\)$/);
      await start(subject);
      await subject.reach('running');
      expect((await instanceOf(subject).read()).stopRequestedAt).toBeUndefined();
    },
  },
  {
    title: 'EC2 says that a user stopped the instance, until the next start',
    usedBy: 'lifecycle/stops.ts',
    source: `${API}/API_StateReason.html`,
    check: async (subject) => {
      await subject.reach('running');
      expect((await instanceOf(subject).read()).stateReason).toBeUndefined();
      await stop(subject);
      await subject.reach('stopped');
      expect((await instanceOf(subject).read()).stateReason).toEqual({
        code: 'Client.UserInitiatedShutdown',
        message: 'Client.UserInitiatedShutdown: User initiated shutdown',
      });
      await start(subject);
      await subject.reach('running');
      expect((await instanceOf(subject).read()).stateReason).toBeUndefined();
    },
  },
  {
    title: 'a stop of a stopping or stopped instance has no effect',
    usedBy: INSTANCE,
    source: STOP,
    check: async (subject) => {
      expect(await instanceOf(subject).stop()).toEqual({ refused: false });
      expect((await instanceOf(subject).read()).state).toBe('stopped');
      await subject.reach('stopping');
      expect(await instanceOf(subject).stop()).toEqual({ refused: false });
      await subject.reach('stopped');
    },
  },
  {
    title: 'a stop of a pending instance is either accepted or IncorrectInstanceState, and never between',
    usedBy: INSTANCE,
    source: STOP,
    check: async (subject) => {
      await subject.reach('pending');
      const { refused } = await instanceOf(subject).stop();
      await subject.reach(refused ? 'running' : 'stopped');
    },
  },
  {
    title: 'a stop answers with the state before and after it',
    source: STOP,
    check: async (subject) => {
      await subject.reach('running');
      expect((await stop(subject)).StoppingInstances![0]).toMatchObject({
        PreviousState: { Name: 'running' },
        CurrentState: { Name: 'stopping' },
      });
    },
  },
];

const DESCRIPTIONS: readonly Case[] = [
  {
    title: 'a terminated instance can neither start nor stop, and its reading fails',
    usedBy: INSTANCE,
    source: ERRORS,
    check: async (subject) => {
      await subject.reach('terminated');
      expect(await failureOf(start(subject))).toEqual(WRONG_STATE);
      expect(await failureOf(instanceOf(subject).read())).toBeInstanceOf(LamplighterError);
    },
  },
  {
    title: 'a stop of a terminated instance is IncorrectInstanceState, 400',
    usedBy: INSTANCE,
    source: ERRORS,
    check: async (subject) => {
      await subject.reach('terminated');
      expect(await failureOf(stop(subject))).toEqual(WRONG_STATE);
    },
  },
  {
    title: 'a tag is read under its key, and a later value replaces it',
    usedBy: INSTANCE,
    source: `${API}/API_CreateTags.html`,
    check: async (subject) => {
      expect(await instanceOf(subject).read()).toMatchObject({
        hold: undefined,
        pause: undefined,
        phase: undefined,
      });
      const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
      await instanceOf(subject).showPhase('starting', log);
      await instanceOf(subject).pause('first');
      await instanceOf(subject).pause('by the breaker: “no <work>” & more');
      const Tags = [{ Key: HOLD_TAG, Value: '' }];
      await subject.ec2.send(new CreateTagsCommand({ Resources: [subject.id], Tags }));
      await subject.wait(CONSISTENT_MS);
      expect(await instanceOf(subject).read()).toMatchObject({
        hold: '',
        pause: 'by the breaker: “no <work>” & more',
        phase: 'starting',
      });
      const keys = (await describeRaw(subject)).Tags!.map(({ Key }) => Key);
      expect(keys.filter((key) => key === PAUSE_TAG || key === PHASE_TAG)).toHaveLength(2);
    },
  },
  {
    title: 'tags stay over a start and a stop',
    usedBy: INSTANCE,
    source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html',
    check: async (subject) => {
      await instanceOf(subject).pause('by people');
      await subject.reach('running');
      await stop(subject);
      await subject.reach('stopped');
      expect((await instanceOf(subject).read()).pause).toBe('by people');
    },
  },
  {
    title: 'the launch time is in whole seconds',
    usedBy: 'lifecycle/session.ts',
    source: `${API}/API_Instance.html`,
    check: async (subject) => {
      await subject.wait(1_234);
      await subject.reach('running');
      expect((await instanceOf(subject).read()).launchTime.getTime() % 1_000).toBe(0);
    },
  },
  {
    title: 'an unknown instance is InvalidInstanceID.NotFound, 400',
    source: ERRORS,
    check: async (subject) => {
      const unknown = { ...subject, id: 'i-0123456789abcdef0' };
      expect(await failureOf(start(unknown))).toEqual(awsFailure('InvalidInstanceID.NotFound', 400));
      expect(await failureOf(describeRaw(unknown))).toEqual(awsFailure('InvalidInstanceID.NotFound', 400));
    },
  },
];

/** EC2 as the lifecycle calls it. */
export function describeInstanceContract(
  name: string,
  make: () => InstanceUnderTest | Promise<InstanceUnderTest>,
  differences: KnownDifferences = {},
): void {
  describeContract(`EC2 in ${name}`, [...STARTS, ...STOPS, ...DESCRIPTIONS], make, differences);
}
