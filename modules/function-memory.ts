import type { HandlerName } from './bundle';

/**
 * Memory in MiB. Lambda gives CPU in proportion to it. The worker mostly waits for the instance's agent, and its wait costs in
 * proportion too. docs/ECONOMY.md, "The functions' memory", has the arithmetic.
 */
export const MEMORY_MIB: Readonly<Record<HandlerName, number>> = { trigger: 256, worker: 128, stop: 256 };
