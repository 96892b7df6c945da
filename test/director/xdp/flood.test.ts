import { loadCollection, XdpAction } from '../../../lib/linux/bpf/index.ts';
import { buildPacket, ipBytes, TcpFlag } from '../../../lib/packet/index.ts';
import { flowKey, keyText, serviceKey } from '../../../director/forward/index.ts';
import {
  encodeBalancer,
  encodeConfig,
  encodeFlow,
  encodeService,
  encodeTable,
  forwardProgram,
  mapSpecs,
} from '../../../director/xdp/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import {
  balancer,
  client4,
  config,
  entry,
  gatewayMac,
  ownMac,
  tableSize,
  vip4,
  world,
} from '../forward/world.ts';

const capacity = { services: 8, balancers: 16, flows: 64, unconfirmedFlows: 512, tableSize };
const strangers = 10_000;

function packetOf(stranger: number, flags: number): Uint8Array {
  return buildPacket({
    ethernet: { source: gatewayMac, destination: ownMac },
    ip: { source: Uint8Array.of(203, 0, stranger >>> 8, stranger & 0xff), destination: vip4 },
    tcp: { sourcePort: 1 + (stranger % 60_000), destinationPort: 9000, flags, acknowledgment: 1 },
  });
}

for (const [name, flags] of [
  ['SYNs', TcpFlag.Syn],
  ['forged ACKs', TcpFlag.Ack],
] as const) {
  kernelTest(`a flood of ${name} neither grows a table nor pushes out a confirmed flow`, (t) => {
    const { maps, programs, close } = loadCollection({
      maps: mapSpecs(capacity),
      programs: { director: forwardProgram(tableSize) },
    });
    t.teardown(close);
    const service = [...world().services.values()][0]!;
    maps.config.update(0, encodeConfig(config, 0));
    maps.balancers.update(1, encodeBalancer(balancer(1, '10.0.1.1')));
    maps.tables.update(0, encodeTable(service.slots, tableSize));
    maps.services.update(serviceKey(ipBytes(vip4), 9000), encodeService(service, 0));
    const confirmed = Array.from({ length: capacity.flows }, (_, port) =>
      flowKey(ipBytes(client4), port + 1, 0),
    );
    for (const key of confirmed) maps.flows.update(key, encodeFlow(entry({ balancer: 3 })));

    for (let stranger = 0; stranger < strangers; stranger++) {
      const { result } = programs.director.test({ data: packetOf(stranger, flags) });
      if (result !== XdpAction.Tx) t.fail(`packet ${stranger} was not forwarded`);
    }
    const left = Array.from(maps.flows.keys(), keyText);
    t.deepEqual(left.toSorted(), confirmed.map(keyText).toSorted());
    const evictable = Array.from(maps.flows_new.keys()).length;
    t.true(evictable > 0 && evictable <= capacity.unconfirmedFlows, `${evictable} evictable flows`);
    close();
  });
}
