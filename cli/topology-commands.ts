import type { Command } from './command.ts';
import { topologyAdd } from './topology-add.ts';
import { topologyApply } from './topology-apply.ts';
import { topologyCheck } from './topology-check.ts';
import { topologyDrain } from './topology-drain.ts';
import { topologyNewSecret } from './topology-new-secret.ts';
import { topologyPlan } from './topology-plan.ts';
import { topologyRemove } from './topology-remove.ts';
import { topologyRotateSecret } from './topology-rotate-secret.ts';
import { topologySetWeight } from './topology-set-weight.ts';
import { topologyShow } from './topology-show.ts';
import { topologyUndrain } from './topology-undrain.ts';

/** `headgate topology …`, in the order of the list of commands. */
export const topologyCommands: readonly Command[] = [
  topologyCheck,
  topologyShow,
  topologyNewSecret,
  topologyPlan,
  topologyApply,
  topologyAdd,
  topologyDrain,
  topologyUndrain,
  topologySetWeight,
  topologyRemove,
  topologyRotateSecret,
];
