/** Several hosts on one machine: network namespaces joined by a bridge. Needs root and iproute2; `probeLab` tells. */
export { createLab, type Lab, type LabSpec } from './lab.ts';
export { inside } from './inside.ts';
export { probeLab } from './probe.ts';
