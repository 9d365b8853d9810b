import type { Functions } from './functions';
import type { SimInstance } from './instance';
import type { Machine } from './machine';
import type { People } from './people';
import type { SimS3 } from './s3';
import type { SimSsm } from './ssm';
import type { Wire } from './wire';
import type { World } from './world';

/** All parts that the checks watch. */
export interface CheckedWorld extends World {
  readonly s3: SimS3;
  readonly instance: SimInstance;
  readonly machine: Machine;
  readonly ssm: SimSsm;
  readonly functions: Functions;
  readonly wire: Wire;
  readonly people: People;
}
