/**
 * A balancer as a process of its own, for tests that kill it or take its descriptors. Argument: the topology as JSON,
 * node b1. Sends its status over IPC when it listens, and again for each message it gets.
 */
import pino from 'pino';
import { startSupervisor } from '../../balancer/start-balancer.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { ControlKey, createControlServer } from '../../lib/control/index.ts';
import type { Topology } from '../../topology/index.ts';

const topology = JSON.parse(process.argv[2]!) as Topology;
const log = pino({ level: 'silent' });
const key = ControlKey.fromSecret(Buffer.from('a secret of the tests, long enough'));
const control = createControlServer({ key, cluster: topology.cluster, node: 'b1', log });
const node = await startSupervisor(
  { topology, node: 'b1', key, control, log, logFormat: 'json', clock: systemClock },
  () => {},
);
process.on('message', () => process.send?.(node.status()));
process.on('disconnect', () => process.exit(1));
process.send?.(node.status());
