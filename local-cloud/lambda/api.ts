import { type Answer, AwsError, emptyAnswer, requireJson } from '../wire/answer';
import type { Call } from '../wire/call';
import type { CodeSource, FunctionCode } from './function-code';
import { functionNameOf } from '../wire/arn';
import { readConfiguration } from './function-configuration';
import type { Functions } from './functions';
import type { Invocations } from './invocations';
import type { MotoApi } from '../moto/moto-api';

/** Lambda's API. moto keeps the functions; we keep and run their code. */
export class LambdaApi {
  constructor(
    private readonly moto: MotoApi,
    private readonly code: FunctionCode,
    private readonly functions: Functions,
    private readonly invocations: Invocations,
  ) {}

  async answer(call: Call): Promise<Answer> {
    // /2015-03-31/functions[/<name>[/code|/invocations|/invoke-async]]
    const [, , area, name, part] = call.path.replace(/\/$/, '').split('/');
    if (area !== 'functions') return this.moto.forward(call);
    if (call.method === 'POST' && name === undefined) return this.create(call);
    if (name === undefined) return this.moto.forward(call);
    const functionName = functionNameOf(name);
    if (call.method === 'POST' && part === 'invocations') return this.invoke(call, functionName);
    if (call.method === 'POST' && part === 'invoke-async') {
      throw new AwsError(501, 'NotImplemented', 'InvokeAsync is deprecated: use Invoke with type Event.');
    }
    const answer = await this.moto.forward(call);
    if (answer.status >= 300) return answer;
    if (call.method === 'PUT' && part === 'code')
      await this.keepCode(functionName, bodyOf(call) as CodeSource);
    if (call.method === 'DELETE' && part === undefined) this.code.forget(functionName);
    return answer;
  }

  private async create(call: Call): Promise<Answer> {
    const answer = await this.moto.forward(call);
    if (answer.status < 300) {
      const { FunctionName, Code } = bodyOf(call) as { FunctionName: string; Code: CodeSource };
      await this.keepCode(functionNameOf(FunctionName), Code);
    }
    return answer;
  }

  private async keepCode(functionName: string, source: CodeSource & { DryRun?: boolean }): Promise<void> {
    if (source.DryRun !== true) await this.code.keep(functionName, source);
  }

  private async invoke(call: Call, functionName: string): Promise<Answer> {
    const type = call.headers['x-amz-invocation-type'] ?? 'RequestResponse';
    await this.requireFunction(functionName);
    const problem = 'Could not parse request body into json.';
    requireJson(call.body.toString() || 'null', 'InvalidRequestContentException', problem);
    if (type === 'DryRun') return emptyAnswer(204);
    if (type === 'Event') {
      this.invocations.begin(functionName, call.body);
      return emptyAnswer(202);
    }
    const outcome = await this.functions.invoke(functionName, call.body);
    return {
      status: 200,
      headers: {
        'content-type': 'application/json',
        'x-amz-executed-version': '$LATEST',
        'x-amzn-requestid': outcome.requestId,
        ...(outcome.functionError === undefined ? {} : { 'x-amz-function-error': outcome.functionError }),
      },
      body: outcome.payload,
    };
  }

  private async requireFunction(functionName: string): Promise<void> {
    try {
      await readConfiguration(this.moto, functionName);
    } catch (error) {
      if (!(error instanceof AwsError) || error.status !== 404) throw error;
      throw new AwsError(404, 'ResourceNotFoundException', `Function not found: ${functionName}`);
    }
  }
}

function bodyOf(call: Call): unknown {
  return JSON.parse(call.body.toString());
}
