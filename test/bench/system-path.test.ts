import test from 'ava';
import { systemPath } from '../../bench/system-path.ts';

test('programs of packages do not stand in for those of the machine', (t) => {
  const ofNpm = '/srv/node_modules/.bin:/srv/node_modules/@npmcli/run-script/lib/node-gyp-bin';
  t.is(
    systemPath(`${ofNpm}:/usr/sbin:/usr/bin`),
    '/srv/node_modules/@npmcli/run-script/lib/node-gyp-bin:/usr/sbin:/usr/bin',
  );
  t.is(systemPath('/usr/bin'), '/usr/bin');
  t.is(systemPath(''), '');
});
