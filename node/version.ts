import { readFileSync } from 'node:fs';

function readVersion(): string {
  // dist/node/version.js and node/version.ts are two and one folders below package.json.
  for (const path of ['../../package.json', '../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
        return String(manifest.version as string);
    } catch {
      // The other place has it.
    }
  }
  return 'unknown';
}

/** Version of this headgate, from package.json. */
export const version = readVersion();
