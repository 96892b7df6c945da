import { execFileSync } from 'node:child_process';
import test from 'ava';
import { linuxAvailable } from '../../../lib/linux/index.ts';

const room = new URL('../../../lib/linux/index.js', import.meta.url).href;

/** What the room says in a process that pretends to be on another system. */
function elsewhere(code: string): unknown {
  const script = `Object.defineProperty(process, 'platform', { value: 'sunos' });
    const room = await import(${JSON.stringify(room)}); ${code}`;
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
  );
}

test('whether system calls can be made is answered the same every time, without throwing', (t) => {
  t.is(linuxAvailable(), linuxAvailable());
});

test('on another system the room can be imported, says why it cannot help, and refuses with a cure', (t) => {
  const answer = elsewhere(`
    let refusal; try { room.setUserTimeout(1, 1) } catch (error) { refusal = [error.code, error.message] }
    console.log(JSON.stringify([room.linuxAvailable(), refusal]))`);
  t.deepEqual(answer, [
    { available: false, reason: 'this is sunos, not Linux' },
    ['HEADGATE_LINUX_UNAVAILABLE', 'no system calls here: this is sunos, not Linux'],
  ]);
});
