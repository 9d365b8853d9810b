import { controlGroups } from './control-groups';
import { credentials } from './credentials';
import { devices } from './devices';
import { drain } from './drain';
import { files } from './files';
import { kernel } from './kernel';
import { leftovers } from './leftovers';
import { metadata } from './metadata';
import { otherJobs } from './other-jobs';
import { privileges } from './privileges';
import { resources } from './resources';
import { systemd } from './systemd';
import type { Family } from './try';

/** What a model may try. The tries of a family are one job. */
export const families: readonly Family[] = [
  metadata,
  credentials,
  otherJobs,
  drain,
  systemd,
  privileges,
  controlGroups,
  files,
  devices,
  kernel,
  leftovers,
];

/** The same, with the tries that need a machine with limits. */
export const allFamilies: readonly Family[] = [...families, resources];
