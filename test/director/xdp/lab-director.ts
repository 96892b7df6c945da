/**
 * A director on a host of the lab: opens the data path on eth0 below argv[2] with balancers argv[3] (JSON: MAC addresses;
 * their indices are 1, 2, …), new connections to the indices argv[4] (JSON) alternately and the indices argv[5] (JSON)
 * dead, says so, and lives on. argv[6] is the hook (default generic XDP), argv[7] the mode (default Dr), argv[8] `finish` to
 * have checksums finished here. Each line in is answered with the counters.
 */
import { FlowHasher, hashKeyFromHex } from '../../../lib/maglev/index.ts';
import { ipBytes, macBytes } from '../../../lib/packet/index.ts';
import { BalancerState, Mode, noBalancer } from '../../../director/forward/index.ts';
import { readFileSync } from 'node:fs';
import {
  DataPath,
  encodeBalancer,
  encodeConfig,
  readCounters,
  writeEndpoints,
  writeServices,
  type DataPathOptions,
} from '../../../director/xdp/index.ts';
import { service, tableSize } from '../forward/world.ts';
import { finishChecksums } from './lab-offload.ts';

const [
  ,
  ,
  directory = '',
  macsText = '[]',
  ownersText = '[]',
  deadText = '[]',
  hook = 'generic',
  modeName = 'Dr',
  offload = '',
] = process.argv;
if (offload === 'finish') finishChecksums();
const mode = Mode[modeName as keyof typeof Mode];
const macs = JSON.parse(macsText) as string[];
const owners = JSON.parse(ownersText) as number[];
const dead = JSON.parse(deadText) as number[];
const file = (name: string) => readFileSync(`/sys/class/net/eth0/${name}`, 'utf8').trim();

const path = DataPath.open({
  directory,
  ifindex: Number(file('ifindex')),
  mode: hook as DataPathOptions['mode'],
  capacity: { services: 4, balancers: 8, flows: 1_024, unconfirmedFlows: 4_096, tableSize },
});
path.maps.config.update(
  0,
  encodeConfig(
    {
      hasher: new FlowHasher(hashKeyFromHex('000102030405060708090a0b0c0d0e0f')),
      ownMac: macBytes(file('address')),
      mtu: 1_500,
      tunnelSource4: ipBytes('10.77.0.1'),
      tunnelSource6: ipBytes('fd77::1'),
    },
    0,
  ),
);
for (const [index, mac] of macs.entries()) {
  const address = ipBytes(`10.77.1.${index + 1}`);
  const state = dead.includes(index + 1) ? BalancerState.Dead : BalancerState.Up;
  path.maps.balancers.update(
    index + 1,
    encodeBalancer({ state, generation: 1, mac: macBytes(mac), address }),
  );
}
writeServices(path, [
  service(0, '10.77.0.100', 9000, mode, (slot) => owners[slot % owners.length] ?? noBalancer),
]);
writeEndpoints(
  path,
  macs.map((_, index) => ({
    service: 0,
    balancer: index + 1,
    address: ipBytes(`10.77.1.${index + 1}`),
    port: 9000,
    vip: ipBytes('10.77.0.100'),
    vipPort: 9000,
  })),
);
console.log(path.adopted ? 'adopted' : 'made');
process.stdin.on('data', () => {
  const { plane, services } = readCounters(path);
  console.log(
    JSON.stringify({ plane, service: services[0] }, (_, value: unknown) =>
      typeof value === 'bigint' ? Number(value) : value,
    ),
  );
});
setInterval(() => undefined, 60_000);
