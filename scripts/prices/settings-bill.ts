import { ALARM_NAMES } from '../../modules/alarms';
import type { PipelineSettings } from '../../modules/settings';
import type { Bill } from './pipeline-price';

/** Number of the pipeline's functions. Each has an alarm of the kind `function-errors`. */
const FUNCTIONS = 3;

/** Memory of a function in MiB, as in modules/pipeline-function.ts. */
const FUNCTION_MEMORY_MIB = 256;

/** The parts that these settings would deploy and that cost something. A test compares them with a Terraform plan. */
export function billOfSettings(settings: PipelineSettings): Bill {
  const { diskGiB, instanceType, vpcId, privateNetwork, privateEndpoints, alarms, sweepMinutes } = settings;
  const hasOwnNetwork = vpcId === undefined;
  return {
    diskGib: diskGiB,
    instanceType,
    hasPublicAddress: hasOwnNetwork && !privateNetwork,
    elasticAddresses: 0,
    natGateways: 0,
    interfaceEndpoints: hasOwnNetwork && privateNetwork ? privateEndpoints.length : 0,
    sweepMinutes,
    functionMemoryMib: FUNCTION_MEMORY_MIB,
    alarms: alarms ? ALARM_NAMES.length - 1 + FUNCTIONS : 0,
    kmsKeys: 0,
  };
}
