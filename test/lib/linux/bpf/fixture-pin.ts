/**
 * Attaches a counting XDP program to interface argv[2], pins everything below argv[3] and kills itself: what
 * a director leaves behind that dies by SIGKILL.
 */
import { join } from 'node:path';
import { Link, loadCollection } from '../../../../lib/linux/bpf/index.ts';
import { countingSpec } from './counting-spec.ts';

const [, , ifindex = '', directory = ''] = process.argv;
const { maps, programs } = loadCollection(countingSpec);
const link = Link.attachXdp(programs.count, Number(ifindex), 'generic');
maps.counters.pin(join(directory, 'counters'));
programs.count.pin(join(directory, 'count'));
link.pin(join(directory, 'link'));
process.kill(process.pid, 'SIGKILL');
