import test from 'ava';
import type { Lack, ServiceMode } from '../../director/forwarding-mode.ts';
import { KindChoice } from '../../director/kind-choice.ts';
import type { PacketPlaneKind } from '../../director/packet-planes.ts';

function kind(name: string, ...modes: ServiceMode[]): PacketPlaneKind {
  const never = (): never => {
    throw new Error('not asked here');
  };
  return { name, modes, takesVip: false, endsBy: '', lack: never, isPinned: never, open: never };
}

const kernel = kind('kernel', 'dr', 'tun');
const user = kind('user', 'fullnat', 'tun');
const lack: Lack = { reason: 'no privileges', cure: 'run as root' };

test('a mode is carried by the first kind that works; why not by the preferred one is said with its cure', (t) => {
  const all = new KindChoice([kernel, user], () => undefined);
  t.deepEqual([all.kindOf('dr'), all.kindOf('tun'), all.kindOf('fullnat')], [kernel, kernel, user]);
  t.is(all.steadOf('fullnat'), undefined);
  const some = new KindChoice([kernel, user], (one) => (one === kernel ? lack : undefined));
  t.is(some.kindOf('tun'), user);
  t.is(some.lackOf('tun'), undefined);
  t.is(some.lackOf('dr')?.reason, 'no privileges');
  t.is(
    some.steadOf('tun'),
    'by the plane user: kernel does not work here: no privileges; to have it, run as root',
  );
});

test('where no kind works, all reasons and cures are told', (t) => {
  const none = new KindChoice([kernel, user], () => lack);
  t.is(none.kindOf('tun'), kernel);
  t.deepEqual(none.lackOf('tun'), {
    reason: 'kernel: no privileges; user: no privileges',
    cure: 'for kernel run as root; for user run as root',
  });
  t.is(none.lackOf('proxy'), undefined);
  t.regex(none.lackOf('nat')?.reason ?? '', /no plane of this director forwards by nat/);
});

test('what carries a mode goes on carrying it when a preferred kind begins to work', (t) => {
  let missing: Lack | undefined = lack;
  const choice = new KindChoice([kernel, user], (one) => (one === kernel ? missing : undefined));
  t.is(choice.use('tun'), user);
  choice.opened(user);
  missing = undefined;
  choice.forget();
  t.is(choice.kindOf('tun'), user);
  t.is(choice.kindOf('dr'), kernel);
});
