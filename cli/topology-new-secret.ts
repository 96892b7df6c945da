import { HeadgateError } from '../lib/errors/index.ts';
import { createSecretFile, newSecretText } from '../topology/index.ts';
import { exitCodes, type Command } from './command.ts';
import { parseOptions, usageError } from './options.ts';

/** Makes a cluster secret. */
export const topologyNewSecret: Command = {
  help: `usage: headgate topology new-secret [FILE]

Makes a key file of mode 0600 with 32 random bytes; never overwrites one. Copy it to every host.
Without FILE the secret is printed, for an environment variable.

examples: headgate topology new-secret ./cluster.key
          export HEADGATE_SECRET=$(headgate topology new-secret)`,
  async run(args, io) {
    const { positionals } = parseOptions(args, {});
    const [file, extra] = positionals;
    if (extra !== undefined) throw usageError(`${JSON.stringify(extra)} is one argument too many`);
    if (file === undefined) {
      io.out(newSecretText().trimEnd());
      return exitCodes.done;
    }
    if (!(await createSecretFile(file))) {
      throw new HeadgateError('HEADGATE_TOPOLOGY_SECRET_EXISTS', `${file} exists and was not touched`);
    }
    io.out(`${file}: made with 32 random bytes, mode 0600; copy it to every host`);
    return exitCodes.done;
  },
};
