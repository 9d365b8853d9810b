import {
  DescribeInstanceInformationCommand,
  ListCommandsCommand,
  type ListCommandsCommandOutput,
  type SSMClient,
  SendCommandCommand,
} from '@aws-sdk/client-ssm';
import { ENDED_COMMAND_STATUSES } from '../../../lifecycle/command-status';
import {
  awsFailure,
  describeContract,
  failureOf,
  type ContractCase,
  type KnownDifferences,
  type UnderTest,
} from './contract';

/** A Systems Manager with one instance, whose agent has not registered yet. */
export interface CommandsUnderTest extends UnderTest {
  readonly ssm: SSMClient;
  readonly id: string;
  /** The name of the drain's document. */
  readonly document: string;
  /** Now, by Systems Manager's clock. */
  now(): number;
  /** Starts the instance, if it is not starting, and waits for its agent. Returns the launch time. */
  bootWithAgent(): Promise<Date>;
  /** Stops and starts the instance. Returns its launch time before the agent registers. */
  bootAgainWithoutAgent(): Promise<Date>;
  /** Waits until the command has ended. */
  untilEnded(commandId: string): Promise<void>;
  /** Lets the time of Systems Manager pass. Its lists are eventually consistent. */
  wait(milliseconds: number): Promise<void>;
}

type Case = ContractCase<CommandsUnderTest>;

const API = 'https://docs.aws.amazon.com/systems-manager/latest/APIReference';
const DISPATCH = 'lifecycle/dispatch.ts';

/** The time after which every list shows an earlier command. */
const CONSISTENT_MS = 1_100;

const agentOf = async ({ ssm, id }: CommandsUnderTest) => {
  const Filters = [{ Key: 'InstanceIds', Values: [id] }];
  const answer = await ssm.send(new DescribeInstanceInformationCommand({ Filters }));
  return answer.InstanceInformationList ?? [];
};

/** SendCommand as dispatch sends it. Returns the command's id. */
async function send({ ssm, id, document }: CommandsUnderTest): Promise<string> {
  const { Command } = await ssm.send(
    new SendCommandCommand({
      DocumentName: document,
      InstanceIds: [id],
      TimeoutSeconds: 600,
      Comment: 'Lamplighter: drain the open jobs',
      CloudWatchOutputConfig: { CloudWatchOutputEnabled: true, CloudWatchLogGroupName: '/lamplighter/p' },
    }),
  );
  return Command!.CommandId!;
}

/** ListCommands as dispatch sends it: commands to the document since that time. */
const list = ({ ssm, document }: CommandsUnderTest, since: number, more: object = {}) =>
  ssm.send(
    new ListCommandsCommand({
      Filters: [
        { key: 'InvokedAfter', value: new Date(since).toISOString().replace(/\.\d+Z$/, 'Z') },
        { key: 'DocumentName', value: document },
      ],
      ...more,
    }),
  );

const idsIn = ({ Commands = [] }: ListCommandsCommandOutput) => Commands.map(({ CommandId }) => CommandId);

const AGENT: readonly Case[] = [
  {
    title: 'an instance whose agent has never registered is not listed',
    usedBy: DISPATCH,
    source: `${API}/API_DescribeInstanceInformation.html`,
    check: async (subject) => {
      expect(await agentOf(subject)).toEqual([]);
    },
  },
  {
    title: 'an agent that has registered is Online, with a ping after the launch',
    usedBy: DISPATCH,
    source: `${API}/API_InstanceInformation.html`,
    check: async (subject) => {
      const launchTime = await subject.bootWithAgent();
      const [agent, ...others] = await agentOf(subject);
      expect(others).toEqual([]);
      expect(agent!.PingStatus).toBe('Online');
      expect(agent!.LastPingDateTime).toBeInstanceOf(Date);
      expect(agent!.LastPingDateTime!.getTime()).toBeGreaterThan(launchTime.getTime());
    },
  },
  {
    title: 'after a new launch the agent’s old ping stays, until the agent registers again',
    usedBy: DISPATCH,
    source: `${API}/API_InstanceInformation.html`,
    check: async (subject) => {
      await subject.bootWithAgent();
      const launchTime = await subject.bootAgainWithoutAgent();
      const [agent] = await agentOf(subject);
      expect(agent!.LastPingDateTime!.getTime()).toBeLessThan(launchTime.getTime());
    },
  },
];

const COMMANDS: readonly Case[] = [
  {
    title: 'a command to an instance whose agent has never registered is InvalidInstanceId, 400',
    usedBy: DISPATCH,
    source: `${API}/API_SendCommand.html`,
    check: async (subject) => {
      expect(await failureOf(send(subject))).toEqual(awsFailure('InvalidInstanceId', 400));
    },
  },
  {
    title: 'a command is listed by its document and the launch, with its instance and a status',
    usedBy: DISPATCH,
    source: `${API}/API_ListCommands.html`,
    check: async (subject) => {
      const launchTime = await subject.bootWithAgent();
      const commandId = await send(subject);
      await subject.wait(CONSISTENT_MS);
      const { Commands = [], NextToken } = await list(subject, launchTime.getTime());
      expect(Commands).toHaveLength(1);
      expect(Commands[0]).toMatchObject({ CommandId: commandId, InstanceIds: [subject.id] });
      expect(['Pending', 'InProgress', ...ENDED_COMMAND_STATUSES]).toContain(Commands[0]!.Status);
      expect(NextToken ?? '').toBe('');
    },
  },
  {
    title: 'a command is under way at first, and has ended at last',
    usedBy: DISPATCH,
    source: 'https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html',
    check: async (subject) => {
      const launchTime = await subject.bootWithAgent();
      const commandId = await send(subject);
      const statusNow = async () => (await list(subject, launchTime.getTime())).Commands?.[0]?.Status;
      await subject.wait(300);
      expect(['Pending', 'InProgress']).toContain(await statusNow());
      await subject.untilEnded(commandId);
      await subject.wait(CONSISTENT_MS);
      expect(ENDED_COMMAND_STATUSES).toContain(await statusNow());
    },
  },
  {
    title: 'the filter InvokedAfter excludes earlier commands',
    usedBy: DISPATCH,
    source: `${API}/API_CommandFilter.html`,
    check: async (subject) => {
      await subject.bootWithAgent();
      await send(subject);
      await subject.wait(CONSISTENT_MS);
      expect(idsIn(await list(subject, subject.now() + 1_000))).toEqual([]);
    },
  },
  {
    title: 'the filter DocumentName excludes commands with another document',
    usedBy: DISPATCH,
    source: `${API}/API_CommandFilter.html`,
    check: async (subject) => {
      const launchTime = await subject.bootWithAgent();
      await send(subject);
      await subject.wait(CONSISTENT_MS);
      expect(idsIn(await list({ ...subject, document: 'another-drain' }, launchTime.getTime()))).toEqual([]);
    },
  },
  {
    title: 'pages of commands, joined by their tokens, give every command once',
    usedBy: DISPATCH,
    source: `${API}/API_ListCommands.html`,
    check: async (subject) => {
      const launchTime = await subject.bootWithAgent();
      const sent = [await send(subject), await send(subject), await send(subject)];
      await subject.wait(CONSISTENT_MS);
      const found = [];
      let NextToken: string | undefined;
      do {
        const page: ListCommandsCommandOutput = await list(subject, launchTime.getTime(), {
          NextToken,
          MaxResults: 2,
        });
        expect(idsIn(page).length).toBeLessThanOrEqual(2);
        found.push(...idsIn(page));
        NextToken = page.NextToken;
      } while (NextToken);
      expect(found.sort()).toEqual([...sent].sort());
    },
  },
  {
    title: 'an unknown filter is InvalidFilterKey, 400',
    source: `${API}/API_ListCommands.html`,
    check: async ({ ssm }) => {
      const Filters = [{ key: 'NoSuchFilter' as 'Status', value: 'x' }];
      expect(await failureOf(ssm.send(new ListCommandsCommand({ Filters })))).toEqual(
        awsFailure('InvalidFilterKey', 400),
      );
    },
  },
];

/** Systems Manager as the lifecycle calls it. */
export function describeCommandsContract(
  name: string,
  make: () => CommandsUnderTest | Promise<CommandsUnderTest>,
  differences: KnownDifferences = {},
): void {
  describeContract(`SSM in ${name}`, [...AGENT, ...COMMANDS], make, differences);
}
