import { ALARM_NAMES } from '../../modules/alarms';
import { MEMORY_MIB } from '../../modules/function-memory';
import type { PipelineSettings } from '../../modules/settings';
import type { Bill } from './pipeline-price';

/** Number of the pipeline's functions. Each has an alarm of the kind `function-errors`. */
const FUNCTIONS = 3;

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
    functionMemoryMib: MEMORY_MIB.stop,
    workerMemoryMib: MEMORY_MIB.worker,
    alarms: alarms ? ALARM_NAMES.length - 1 + FUNCTIONS : 0,
    kmsKeys: 0,
  };
}
