import { readFile, stat } from 'node:fs/promises';
import test from 'ava';

interface Package {
  readonly bin: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

const json = async <Shape>(file: string): Promise<Shape> => JSON.parse(await readFile(file, 'utf8')) as Shape;

test('npm start brings up the committed example with the command that is installed', async (t) => {
  const { scripts, bin } = await json<Package>('package.json');
  const [node, program, command, ...files] = scripts['start']!.split(' ');
  t.deepEqual([node, program, command], ['node', bin['headgate'], 'up']);
  t.deepEqual(files, ['examples/local/topology.yaml']);
  for (const file of [program!, files[0]!]) t.true((await stat(file)).isFile(), file);
});

test('nothing that is needed is compiled at installation, and raw-socket alone is optional', async (t) => {
  const { allowScripts, dependencies, optionalDependencies } = await json<Package>('package.json');
  const { packages } = await json<Lock>('package-lock.json');
  t.deepEqual(Object.keys(optionalDependencies), ['raw-socket']);
  const needed = Object.entries(packages).filter(([, { dev, optional }]) => !dev && !optional);
  for (const name of Object.keys(dependencies))
    t.true(needed.some(([path]) => path === `node_modules/${name}`));
  for (const [path, { hasInstallScript }] of needed)
    if (hasInstallScript) t.is(allowScripts[path.replace('node_modules/', '')], false, path);
});
