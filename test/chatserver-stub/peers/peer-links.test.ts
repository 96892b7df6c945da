import test from 'ava';
import { PeerLinks, type Linked } from '../../../chatserver-stub/peers/peer-links.ts';
import { meetMs, mostUnlisted } from '../../../chatserver-stub/peers/peer-limits.ts';
import type { PeerAddress } from '../../../chatserver-stub/peers/peer-events.ts';
import { chatServerEntry, topologyOf } from '../helpers.ts';

/** A link without a network. */
class FakeLink implements Linked {
  readonly node: string;
  readonly endpoint: Linked['endpoint'];
  retired: boolean;
  remote: string | undefined;
  isTried = false;
  toldMs: number | undefined;
  hurried = 0;
  closed = false;

  constructor({ node, host, port }: PeerAddress, retired: boolean) {
    this.node = node;
    this.endpoint = { host, port };
    this.retired = retired;
  }

  retire(retired: boolean): void {
    this.retired = retired;
  }

  hurry(): void {
    this.hurried++;
  }

  close(): void {
    this.closed = true;
  }
}

const at = (number: number): PeerAddress => ({ node: `c${number}`, host: `10.0.0.${number}`, port: 7400 });
const topology = (...numbers: number[]) =>
  topologyOf(numbers.map((number) => chatServerEntry(`c${number}`, `10.0.0.${number}`, 7400)));

function fixture() {
  const heard = new Set<string>();
  const all: FakeLink[] = [];
  const time = { ms: 0 };
  const links = new PeerLinks<FakeLink>({
    self: { node: 'c1', host: '10.0.0.1' },
    link(peer, retired) {
      const link = new FakeLink(peer, retired);
      all.push(link);
      return link;
    },
    heardFrom: (incarnation) => heard.has(incarnation),
    now: () => time.ms,
  });
  return { links, all, heard, time };
}

test('a link to each other one of the topology; who leaves it retires, who comes back does not', (t) => {
  const { links, all } = fixture();
  links.apply(topology(1, 2, 3));
  t.deepEqual(
    all.map(({ node, retired }) => [node, retired]),
    [
      ['c2', false],
      ['c3', false],
    ],
  );
  links.apply(topology(1, 2));
  t.deepEqual(
    all.map(({ retired }) => retired),
    [false, true],
  );
  links.apply(topology(1, 2, 3));
  t.deepEqual(
    all.map(({ retired }) => retired),
    [false, false],
  );
});

test('who comes is linked to at once: known ones without waiting, others until they are gone', (t) => {
  const { links, all } = fixture();
  links.apply(topology(1, 2));
  t.true(links.came(at(2)));
  t.is(all[0]!.hurried, 1);
  t.true(links.came(at(1)), 'oneself is nobody to link to');
  t.is(all.length, 1);
  t.true(links.came(at(3)));
  t.true(links.came(at(3)));
  t.deepEqual(
    all.map(({ node, retired, hurried }) => [node, retired, hurried]),
    [
      ['c2', false, 1],
      ['c3', true, 1],
    ],
  );
  links.apply(topology(1, 2, 3));
  t.false(all[1]!.retired);
  t.is(all.length, 2);
});

test('those that no topology names are bounded', (t) => {
  const { links, all } = fixture();
  for (let number = 2; number < 2 + mostUnlisted; number++) t.true(links.came(at(number)));
  t.false(links.came(at(200)));
  t.true(links.came(at(2)), 'who is here already is no more of them');
  links.ended(all[0]!);
  t.true(links.came(at(200)));
});

test('all have met when everybody was asked, and who answered knows who is here and told who is there', (t) => {
  const { links, all, heard, time } = fixture();
  links.apply(topology(1, 2, 3));
  const [two, three] = all as [FakeLink, FakeLink];
  let met = 0;
  links.whenMet(() => void met++);
  two.isTried = true;
  links.look();
  t.is(met, 0, 'the other was not asked yet');
  three.isTried = true;
  three.remote = 'x';
  links.look();
  t.is(met, 0, 'it does not know who is here');
  three.toldMs = 0;
  links.look();
  t.is(met, 0, 'nor do we know who is there');
  heard.add('x');
  links.look();
  t.is(met, 1);
  heard.delete('x');
  links.whenMet(() => void met++);
  t.is(met, 1);
  time.ms = meetMs;
  links.look();
  t.is(met, 2, 'one that never tells is not waited for again and again');
});
