/**
 * Which worker a new connection goes to: the one with the fewest, by a small eBPF program on the listeners that share a
 * port, where the kernel lets us; else the kernel's hash decides. The program also finds another listener for
 * connections that wait in the accept queue of one that closes or whose worker dies.
 */
export { GroupNumbers } from './groups.ts';
export { LoadRecord, pendingMs, placesMost } from './load-table.ts';
export { groupsMost, steeringProgram } from './program.ts';
export { SteeredWorker, Steering, type SteeringChoice } from './steering.ts';
