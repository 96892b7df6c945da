/**
 * Declares the balancer of index argv[3] dead in the data path pinned at argv[2], forgets the last ACK of one of its flows,
 * tells the clients of all of them, and prints what was done.
 */
import { readFileSync } from 'node:fs';
import { Bereaved } from '../../../director/bereaved.ts';
import { BalancerState, balancerLayout, flowLayout, tickOf } from '../../../director/forward/index.ts';
import { createPacketSender } from '../../../director/packet-sender.ts';
import { DataPath, flowsInMaps } from '../../../director/xdp/index.ts';
import { systemClock } from '../../../lib/clock/index.ts';
import { until } from '../../until.ts';
import { tableSize } from '../forward/world.ts';

const [, , directory = '', index = ''] = process.argv;
const path = DataPath.open({
  directory,
  ifindex: Number(readFileSync('/sys/class/net/eth0/ifindex', 'utf8')),
  mode: 'generic',
  capacity: { services: 4, balancers: 8, flows: 1_024, unconfirmedFlows: 4_096, tableSize },
});
path.setTick(tickOf(process.hrtime.bigint()));

const balancer = path.maps.balancers.lookup(Number(index))!;
balancerLayout.set(balancer, 'state', BalancerState.Dead);
path.maps.balancers.update(Number(index), balancer);
const owner = { index: Number(index), generation: balancerLayout.get(balancer, 'generation') };

const source = flowsInMaps(path, (service) =>
  service === 0 ? { host: '10.77.0.100', port: 9000 } : undefined,
);
const slices = source.walk((one) => one.index === owner.index);
for (let slice = slices.next(); slice.done !== true; slice = slices.next()) {
  const [first] = slice.value;
  if (first === undefined) continue;
  const value = first.map.lookup(first.key)!;
  flowLayout.set(value, 'lastAck', 0);
  first.map.update(first.key, value);
  break;
}

const sender = createPacketSender({
  clock: systemClock,
  onUnavailable: (error) => console.log(error.message),
});
const bereaved = new Bereaved({
  flows: source,
  sender,
  clock: systemClock,
  random: Math.random,
  passes: 2,
  repeatMs: 500,
});
bereaved.setDead([owner]);
await until(() => !bereaved.busy, 'everybody to be told');
console.log(`told ${JSON.stringify(bereaved.stats())}`);
sender.close();
path.close();
