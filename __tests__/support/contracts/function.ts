import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { Worker } from '../../../lifecycle/context';
import {
  awsFailure,
  describeContract,
  failureOf,
  type ContractCase,
  type KnownDifferences,
  type UnderTest,
} from './contract';

/** A Lambda with one function, the worker. Its first run fails if the event has `fail`. */
export interface FunctionUnderTest extends UnderTest {
  readonly lambda: LambdaClient;
  readonly functionName: string;
  /** The events with which the function has run. */
  received(): readonly object[];
  /** Waits until the function has run this number of times. */
  untilReceived(times: number): Promise<void>;
}

type Case = ContractCase<FunctionUnderTest>;

const API = 'https://docs.aws.amazon.com/lambda/latest/api';
const ASYNCHRONOUS = 'https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html';
const CONTEXT = 'lifecycle/context.ts';

const EVENT = { reason: 'an upload', jobIds: ['a'.repeat(64)] };

const invoke = ({ lambda, functionName }: FunctionUnderTest, event: object) =>
  lambda.send(
    new InvokeCommand({
      FunctionName: functionName,
      InvocationType: 'Event',
      Payload: JSON.stringify(event),
    }),
  );

const CASES: readonly Case[] = [
  {
    title: 'an asynchronous invocation is accepted with 202 before the function runs, and returns no payload',
    usedBy: CONTEXT,
    source: `${API}/API_Invoke.html`,
    check: async (subject) => {
      const { StatusCode, FunctionError, Payload } = await invoke(subject, EVENT);
      expect(subject.received()).toEqual([]);
      expect([StatusCode, FunctionError, Payload?.length ?? 0]).toEqual([202, undefined, 0]);
    },
  },
  {
    title: 'the function receives the event that was sent',
    usedBy: CONTEXT,
    source: `${API}/API_Invoke.html`,
    check: async (subject) => {
      await new Worker(subject.lambda, subject.functionName).invoke(EVENT.reason, EVENT.jobIds);
      await subject.untilReceived(1);
      expect(subject.received()).toEqual([EVENT]);
    },
  },
  {
    title: 'two invocations run the function twice',
    usedBy: CONTEXT,
    source: `${API}/API_Invoke.html`,
    check: async (subject) => {
      await invoke(subject, EVENT);
      await invoke(subject, EVENT);
      await subject.untilReceived(2);
      expect(subject.received()).toEqual([EVENT, EVENT]);
    },
  },
  {
    title: 'a function that fails is run again with the same event',
    usedBy: 'handlers/worker.ts',
    source: ASYNCHRONOUS,
    check: async (subject) => {
      const event = { ...EVENT, fail: true };
      await invoke(subject, event);
      await subject.untilReceived(2);
      expect(subject.received().slice(0, 2)).toEqual([event, event]);
    },
  },
  {
    title: 'an unknown function is ResourceNotFoundException, 404',
    source: `${API}/API_Invoke.html`,
    check: async (subject) => {
      expect(await failureOf(invoke({ ...subject, functionName: 'none' }, EVENT))).toEqual(
        awsFailure('ResourceNotFoundException', 404),
      );
    },
  },
];

/** Lambda as the lifecycle calls it. */
export function describeFunctionContract(
  name: string,
  make: () => FunctionUnderTest | Promise<FunctionUnderTest>,
  differences: KnownDifferences = {},
): void {
  describeContract(`Lambda in ${name}`, CASES, make, differences);
}
