import { HOURS_PER_MONTH, type RegionPrices } from './prices';

/** The parts of a pipeline that cost something. */
export interface Bill {
  /** Size of all disks, in GiB of gp3. Undefined: a disk is of another kind or of unknown size. */
  readonly diskGib: number | undefined;
  readonly instanceType: string | undefined;
  /** Whether the instance has a public IPv4 address while it runs. */
  readonly hasPublicAddress: boolean;
  /** Number of elastic IP addresses, in use or not. */
  readonly elasticAddresses: number;
  readonly natGateways: number;
  /** Number of interface endpoints, times their availability zones. */
  readonly interfaceEndpoints: number;
  /** Minutes between sweeps. Undefined: there is no sweep, or its schedule is not a rate. */
  readonly sweepMinutes: number | undefined;
  /** Memory of the trigger and the stop function. */
  readonly functionMemoryMib: number;
  readonly workerMemoryMib: number;
  readonly alarms: number;
  readonly kmsKeys: number;
}

/** One line of a price. If `usd` is undefined, the price is unknown. */
export interface PriceLine {
  readonly what: string;
  readonly usd: number | undefined;
}

export const priceLine = (what: string, usd: number | undefined): PriceLine => ({ what, usd });

export interface PipelinePrice {
  /** The price of a month without uploads. */
  readonly atRest: readonly PriceLine[];
  /** The price of one job that starts the machine for itself alone. */
  readonly perJob: readonly PriceLine[];
}

/** Rough assumptions: the calls of a sweep and of a job, counted from the code, and durations on AWS. */
export const ASSUMED = {
  /** One sweep: the function's time, its requests to S3, its log lines. */
  sweepSeconds: 1,
  sweepPuts: 2,
  sweepGets: 3,
  sweepLogBytes: 2_000,
  /** One job: boot and stop besides the model's own time, and all functions and requests together. */
  jobModelMinutes: 10,
  jobOtherMinutes: 2,
  jobInvocations: 6,
  jobFunctionSeconds: 5,
  /** The worker waits for the agent of the instance. */
  jobWorkerSeconds: 35,
  jobPuts: 30,
  jobGets: 30,
} as const;

const GIB = 1024 ** 3;

/** The price of a pipeline in one region. If `prices` is undefined, the table does not have the region. */
export function pipelinePrice(bill: Bill, prices: RegionPrices | undefined): PipelinePrice {
  return { atRest: atRest(bill, prices), perJob: perJob(bill, prices) };
}

/** The sum of the lines. Undefined if one line is unknown: people would take a sum without it for the whole. */
export function sumOf(lines: readonly PriceLine[]): number | undefined {
  return lines.reduce<number | undefined>(
    (sum, line) => (sum === undefined || line.usd === undefined ? undefined : sum + line.usd),
    0,
  );
}

function atRest(bill: Bill, prices: RegionPrices | undefined): PriceLine[] {
  const { diskGib, sweepMinutes, alarms, kmsKeys } = bill;
  const { elasticAddresses: addresses, natGateways: gateways, interfaceEndpoints: endpoints } = bill;
  const times = (count: number | undefined, one: number | undefined) => {
    if (count === 0) return 0;
    return count === undefined || one === undefined ? undefined : count * one;
  };
  const hours = (count: number) => count * HOURS_PER_MONTH;
  const sweeps = sweepMinutes === undefined ? undefined : hours(60) / sweepMinutes;
  const disk = diskGib === undefined ? 'of unknown size or kind' : `${diskGib} GiB`;
  const schedule =
    sweepMinutes === undefined
      ? ', on an unknown schedule'
      : `, every ${sweepMinutes} min: Lambda, S3 requests, logs`;
  return [
    priceLine(`disk, ${disk}`, times(diskGib, prices?.gp3GibMonth)),
    priceLine(`sweep${schedule}`, times(sweeps, prices && sweepPrice(bill, prices))),
    priceLine(`${alarms} alarms`, times(alarms, prices?.alarmMonth)),
    priceLine(`${kmsKeys} KMS keys`, times(kmsKeys, prices?.kmsKeyMonth)),
    priceLine(`${addresses} addresses that are kept`, times(hours(addresses), prices?.publicIpv4Hour)),
    priceLine(`${gateways} NAT gateways, without traffic`, times(hours(gateways), prices?.natGatewayHour)),
    priceLine(
      `${endpoints} interface endpoints, without traffic`,
      times(hours(endpoints), prices?.interfaceEndpointHour),
    ),
  ].filter(({ what }) => !what.startsWith('0 '));
}

function sweepPrice({ functionMemoryMib }: Bill, prices: RegionPrices): number {
  return (
    prices.lambdaRequest +
    ASSUMED.sweepSeconds * (functionMemoryMib / 1024) * prices.lambdaArm64GibSecond +
    ASSUMED.sweepPuts * prices.s3Put +
    ASSUMED.sweepGets * prices.s3Get +
    (ASSUMED.sweepLogBytes / GIB) * prices.logsIngestedGib
  );
}

function perJob(bill: Bill, prices: RegionPrices | undefined): PriceLine[] {
  const hours = (ASSUMED.jobModelMinutes + ASSUMED.jobOtherMinutes) / 60;
  const hourly = bill.instanceType === undefined ? undefined : prices?.instanceHour[bill.instanceType];
  const type = bill.instanceType ?? 'instance of unknown type';
  const lines = [
    hourly === undefined
      ? priceLine(type, undefined)
      : priceLine(`${type}, ${hourly} USD an hour`, hourly * hours),
    priceLine('functions and S3 requests', prices && jobRequestsPrice(bill, prices)),
  ];
  if (bill.hasPublicAddress)
    lines.push(priceLine('public IPv4 address', prices && prices.publicIpv4Hour * hours));
  return lines;
}

/** The price of one job's function calls and requests. */
export function jobRequestsPrice({ functionMemoryMib, workerMemoryMib }: Bill, prices: RegionPrices): number {
  const mibSeconds =
    ASSUMED.jobFunctionSeconds * functionMemoryMib + ASSUMED.jobWorkerSeconds * workerMemoryMib;
  return (
    ASSUMED.jobInvocations * prices.lambdaRequest +
    (mibSeconds / 1024) * prices.lambdaArm64GibSecond +
    ASSUMED.jobPuts * prices.s3Put +
    ASSUMED.jobGets * prices.s3Get
  );
}
