import { be16, bytes, layout, pad, u32 } from '../../../../../../lib/layout/index.ts';
import { asm, loadCollection, type CollectionSpec } from '../../../../../../lib/linux/bpf/index.ts';
import { buildPacket, ipBytes, ipv4Layout, tcpLayout } from '../../../../../../lib/packet/index.ts';
import { kernelTest } from '../../kernel-test.ts';

const { FP, R1, R2, R3, R4, R6, R7 } = asm;

const flowKey = layout('flow_key', { client: bytes(4), port: be16, gap: pad(2) }, { size: 8 });
const flow = layout('flow', { balancer: u32, packets: u32 }, { size: 8 });

const KEY = -8;
const VALUE = -16;
const IP = 14;
const TCP = IP + ipv4Layout.size;

/** Writes the flow of a TCP packet with balancer 5, or deletes it when the packet is a FIN. */
function flowProgram(kind: 'xdp' | 'tc'): asm.Code {
  return [
    asm.loadPacket(R1, R6, R7, kind),
    asm.requireBytes(R6, R7, TCP + tcpLayout.size, R2, 'out'),
    asm.zeroStack(VALUE, 16),
    // An address is four raw bytes: its size is that of a word.
    asm.loadField(R2, R6, ipv4Layout.fields.source, IP),
    asm.storeField(FP, flowKey.fields.client, R2, KEY),
    asm.loadField(R2, R6, tcpLayout.fields.sourcePort, TCP),
    asm.storeField(FP, flowKey.fields.port, R2, KEY),
    asm.loadField(R3, R6, tcpLayout.fields.flags, TCP),
    asm.jset.imm(R3, 1, 'fin'),
    asm.mov.imm(R4, 5),
    asm.storeField(FP, flow.fields.balancer, R4, VALUE),
    asm.updateMap('flows', KEY, VALUE, asm.UpdateFlag.NoExist),
    asm.exit(),
    asm.label('fin'),
    asm.deleteFromMap('flows', KEY),
    asm.exit(),
    asm.label('out'),
    asm.leave(99),
  ];
}

const flows = { type: 'hash', keySize: flowKey.size, valueSize: flow.size, maxEntries: 8 } as const;

for (const [kind, type] of [
  ['xdp', 'xdp'],
  ['tc', 'sched-cls'],
] as const) {
  kernelTest(`a ${type} program and the control plane share keys and values by their layouts`, (t) => {
    const spec = {
      maps: { flows },
      programs: { flow: { type, instructions: flowProgram(kind) } },
    } as const satisfies CollectionSpec;
    const { maps, programs, close } = loadCollection(spec);
    const send = (flags: number) =>
      programs.flow.test({
        data: buildPacket({
          ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
          ip: { source: '192.0.2.7', destination: '192.0.2.8' },
          tcp: { sourcePort: 4000, destinationPort: 9000, flags },
        }),
      }).result;
    const key = flowKey.encode({ client: ipBytes('192.0.2.7'), port: 4000 });
    t.is(send(2), 0);
    const value = maps.flows.lookup(key);
    t.deepEqual(value === undefined ? value : flow.read(value), { balancer: 5, packets: 0 });
    t.is(send(2) | 0, -17, 'the key is there: EEXIST');
    t.is(send(1), 0);
    t.is(maps.flows.lookup(key), undefined);
    t.is(send(1) | 0, -2, 'the key is gone: ENOENT');
    t.is(programs.flow.test({ data: new Uint8Array(53) }).result, 99);
    close();
  });
}
