import { z } from 'zod';
import { AwsError } from '../wire/answer';
import type { Step } from '../machine/port';
import type { MotoApi } from '../moto/moto-api';

const stepSchema = z.object({
  action: z.string(),
  name: z.string(),
  onFailure: z.enum(['exit', 'successAndExit']).optional(),
  finallyStep: z.boolean().default(false),
  inputs: z.object({
    runCommand: z.union([z.string().transform((text) => [text]), z.array(z.string())]),
    /** Seconds. @default 3600, as in Systems Manager */
    timeoutSeconds: z.coerce.number().default(3600),
    workingDirectory: z.string().default(''),
  }),
});

const contentSchema = z.object({
  schemaVersion: z.literal('2.2'),
  parameters: z
    .record(z.string(), z.object({ default: z.union([z.string(), z.array(z.string())]).optional() }))
    .default({}),
  mainSteps: z.array(stepSchema).min(1),
});

/** One `aws:runShellScript` step, with its parameters filled in. */
interface DocumentStep extends Step {
  readonly onFailure: 'exit' | 'successAndExit' | 'continue';
  readonly isFinal: boolean;
}

/** A command document that is ready to run. */
export interface RunnableDocument {
  readonly name: string;
  readonly version: string;
  readonly steps: readonly DocumentStep[];
}

interface StoredDocument {
  readonly Name: string;
  readonly DocumentVersion: string;
  readonly Content: string;
  readonly DocumentType?: string;
}

/** Reads a document from moto. Throws AwsError: InvalidDocument and the like, or NotImplemented for other actions. */
export async function readDocument(
  moto: MotoApi,
  name: string,
  version: string,
  parameters: Readonly<Record<string, readonly string[]>>,
): Promise<RunnableDocument> {
  let stored: StoredDocument;
  try {
    stored = await moto.json<StoredDocument>('ssm', 'AmazonSSM.GetDocument', {
      Name: name,
      // moto returns the default version if the request names none.
      ...(version !== '$DEFAULT' && { DocumentVersion: version }),
    });
  } catch (error) {
    if (!(error instanceof AwsError) || error.status >= 500) throw error;
    throw new AwsError(400, 'InvalidDocument', `Document ${name} (version ${version}) does not exist.`);
  }
  const content = contentSchema.safeParse(jsonOf(stored));
  if (!content.success) {
    const text = `The local cloud cannot run the document ${name}: ${z.prettifyError(content.error)}`;
    throw new AwsError(400, 'InvalidDocumentContent', text);
  }
  const { mainSteps, parameters: declared } = content.data;
  const unknown = Object.keys(parameters).find((parameter) => !(parameter in declared));
  if (unknown !== undefined) throw new AwsError(400, 'InvalidParameters', `The document has no ${unknown}.`);
  const fill = (text: string) =>
    text.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, parameter: string) => {
      if (!(parameter in declared)) return whole;
      return [parameters[parameter] ?? declared[parameter]?.default ?? []].flat().join(' ');
    });
  return {
    name,
    version: stored.DocumentVersion,
    steps: mainSteps.map(({ action, name: step, onFailure, finallyStep, inputs }) => {
      if (action !== 'aws:runShellScript') {
        throw new AwsError(501, 'NotImplemented', `The local cloud cannot run ${action} (step ${step}).`);
      }
      return {
        name: step,
        script: fill(inputs.runCommand.join('\n')),
        timeoutSeconds: inputs.timeoutSeconds,
        workingDirectory: inputs.workingDirectory,
        onFailure: onFailure ?? 'continue',
        isFinal: finallyStep,
      };
    }),
  };
}

function jsonOf({ Name, Content }: StoredDocument): unknown {
  try {
    return JSON.parse(Content);
  } catch {
    throw new AwsError(400, 'InvalidDocumentContent', `${Name} is not JSON; the local cloud reads no YAML.`);
  }
}
