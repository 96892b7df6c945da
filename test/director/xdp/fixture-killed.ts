/**
 * Opens the data path on interface index argv[2] below argv[3], writes the world and kills itself: what a director leaves
 * behind that dies by SIGKILL.
 */
import { DataPath } from '../../../director/xdp/index.ts';
import { world } from '../forward/world.ts';
import { capacity, writeState } from './small-data-path.ts';

const [, , ifindex = '', directory = ''] = process.argv;
writeState(DataPath.open({ directory, ifindex: Number(ifindex), mode: 'generic', capacity }), world());
process.kill(process.pid, 'SIGKILL');
