/** Asks whether the host it runs on could be prepared as argv[2] (JSON: HostOptions) says, and says so. */
import { describeError } from '../../../lib/errors/index.ts';
import { checkHost, type HostOptions } from '../../../lib/host-setup/index.ts';

try {
  checkHost(JSON.parse(process.argv[2] ?? '') as HostOptions);
  console.log('could');
} catch (error) {
  console.log(describeError(error));
}
