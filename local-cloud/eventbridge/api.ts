import { randomUUID } from 'node:crypto';
import { messageOf } from '../../lifecycle/errors';
import { AwsError, type Answer } from '../wire/answer';
import { type Call, operationOf } from '../wire/call';
import { matchesPattern } from './event-pattern';
import { ACCOUNT_ID, functionNameOf } from '../wire/arn';
import type { MotoApi } from '../moto/moto-api';
import type { BusEvent, InvokesFunctions, Report } from '../clockwork/events';
import type { Timers } from '../clockwork/timers';

interface Rule {
  readonly Name: string;
  readonly Arn: string;
  readonly State: string;
  readonly EventPattern?: string;
  readonly ScheduleExpression?: string;
}

interface Target {
  readonly Id: string;
  readonly Arn: string;
  readonly Input?: string;
  readonly InputPath?: string;
  readonly InputTransformer?: unknown;
}

/** EventBridge's default bus. moto keeps the rules; we match events and deliver them to functions. */
export class EventBus {
  constructor(
    private readonly options: InvokesFunctions & {
      readonly moto: MotoApi;
      readonly timers: Timers;
      readonly report: Report;
      readonly region: string;
      readonly sweepMs: number;
      readonly notificationMs: number;
    },
  ) {
    options.timers.every(options.sweepMs, 'the schedules', () => this.fireSchedules());
  }

  /** Delivers an event to every rule whose pattern matches, after the usual delay. Returns at once. */
  publish(event: BusEvent): void {
    const document = this.documentOf(event);
    this.options.timers.deliver(this.options.notificationMs, `the event "${event.detailType}"`, async () => {
      for (const rule of await this.enabledRules()) {
        if (this.matches(rule, document)) await this.deliver(rule, document);
      }
    });
  }

  /** Fires every enabled schedule now. */
  async fireSchedules(): Promise<void> {
    for (const rule of await this.enabledRules()) {
      if (rule.ScheduleExpression === undefined || rule.ScheduleExpression === '') continue;
      const scheduled = { source: 'aws.events', detailType: 'Scheduled Event', detail: {} };
      await this.deliver(rule, this.documentOf({ ...scheduled, resources: [rule.Arn] }));
    }
  }

  /** EventBridge's API. moto answers; we deliver the events of PutEvents to functions. */
  async answer(call: Call): Promise<Answer> {
    const answer = await this.options.moto.forward(call);
    if (operationOf(call) === 'PutEvents' && answer.status === 200) {
      const { Entries = [] } = JSON.parse(call.body.toString()) as {
        Entries?: { Source: string; DetailType: string; Detail: string; Resources?: string[] }[];
      };
      for (const { Source, DetailType, Detail, Resources } of Entries) {
        const detail: unknown = JSON.parse(Detail);
        this.publish({ source: Source, detailType: DetailType, detail, resources: Resources ?? [] });
      }
    }
    return answer;
  }

  private async enabledRules(): Promise<Rule[]> {
    const { Rules } = await this.options.moto.json<{ Rules: Rule[] }>('events', 'AWSEvents.ListRules', {});
    return Rules.filter(({ State }) => State.startsWith('ENABLED'));
  }

  private matches(rule: Rule, document: object): boolean {
    if (rule.EventPattern === undefined || rule.EventPattern === '') return false;
    try {
      return matchesPattern(JSON.parse(rule.EventPattern), document);
    } catch (error) {
      this.options.report({ kind: 'warning', text: `rule ${rule.Name}: ${messageOf(error)}` });
      return false;
    }
  }

  private async deliver(rule: Rule, document: { 'detail-type': string }): Promise<void> {
    const { report, invokeLater, mayInvoke } = this.options;
    for (const { Arn, Input, InputPath, InputTransformer } of await this.targetsOf(rule)) {
      if (!Arn.includes(':lambda:') || InputPath !== undefined || InputTransformer !== undefined) {
        const text = `rule ${rule.Name}: the local cloud does not support the target ${Arn}`;
        report({ kind: 'warning', text });
        continue;
      }
      const functionName = functionNameOf(Arn);
      if (!(await mayInvoke(functionName, 'events.amazonaws.com', rule.Arn))) {
        const text = `rule ${rule.Name} may not invoke ${functionName}: the function’s policy does not allow it`;
        report({ kind: 'warning', text });
        continue;
      }
      const detailType = document['detail-type'];
      report({ kind: 'event', rule: rule.Name, detailType, text: `${rule.Name} calls ${functionName}` });
      invokeLater(functionName, Buffer.from(Input ?? JSON.stringify(document)));
    }
  }

  /** Empty if the rule has been deleted since it was listed, as by a `destroy` under way. */
  private async targetsOf({ Name }: Rule): Promise<Target[]> {
    const { moto } = this.options;
    try {
      const request = { Rule: Name };
      const list = await moto.json<{ Targets: Target[] }>('events', 'AWSEvents.ListTargetsByRule', request);
      return list.Targets;
    } catch (error) {
      if (!(error instanceof AwsError) || error.code !== 'ResourceNotFoundException') throw error;
      return [];
    }
  }

  private documentOf({ source, detailType, resources, detail }: BusEvent) {
    return {
      version: '0',
      id: randomUUID(),
      'detail-type': detailType,
      source,
      account: ACCOUNT_ID,
      // EventBridge's times have whole seconds.
      time: `${new Date().toISOString().slice(0, 19)}Z`,
      region: this.options.region,
      resources,
      detail,
    };
  }
}
