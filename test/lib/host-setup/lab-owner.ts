/** Prepares the host it runs on as argv[2] (JSON: HostOptions) says, says so, and lives on. */
import { prepareHost, type HostOptions } from '../../../lib/host-setup/index.ts';

await prepareHost(JSON.parse(process.argv[2] ?? '') as HostOptions);
console.log('prepared');
setInterval(() => undefined, 60_000);
