/** The rules of rooms (CONTRIBUTING.md), as a function over source files so that it can be tested on made-up ones. */
import path from 'node:path';
import ts from 'typescript';

const ground = ['lib/errors', 'lib/clock', 'lib/address', 'lib/backoff', 'lib/deferred', 'lib/layout'];
const middle = ['lib/linux', 'lib/packet', 'lib/maglev', 'lib/proxy-protocol', 'lib/control'];
const upper = ['lib/heartbeat', 'lib/relay', 'lib/flow-report', 'lib/host-setup', 'lib/shared-memory'];
const lib = [...ground, ...middle, 'lib/raw-socket', 'lib/etcd', ...upper];
const tiers = ['director', 'balancer', 'chatserver-stub'];
const product = [...lib, 'topology', 'node', ...tiers, 'cli'];

/** For each room, the other rooms it may import. A folder that is not listed is no room. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(ground.map((room) => [room, ['lib/errors']])),
  'lib/errors': [],
  ...Object.fromEntries(middle.map((room) => [room, ground])),
  'lib/raw-socket': [...ground, 'lib/linux'],
  ...Object.fromEntries(upper.map((room) => [room, [...ground, ...middle]])),
  'lib/etcd': ground,
  topology: ['lib/errors', 'lib/address', 'lib/backoff', 'lib/maglev', 'lib/etcd'],
  node: ['topology', ...lib],
  ...Object.fromEntries(tiers.map((tier) => [tier, ['topology', 'node', ...lib]])),
  cli: product,
  scripts: product,
  bench: [...product, 'scripts', 'test'],
  soak: [...product, 'scripts', 'test'],
  test: [...product, 'scripts', 'bench', 'soak'],
};

/** Rooms that may enter others by any file: they look inside by trade. */
const enterAnywhere = new Set(['scripts', 'bench', 'soak', 'test']);

const mostLines = 800;

/** What is wrong with `files` (source text by path from the root, with `/`): one line each, sorted; empty when all is well. */
export function roomViolations(files: ReadonlyMap<string, string>): string[] {
  const violations: string[] = [];
  const runtimeImports = new Map<string, string[]>();
  for (const [file, source] of files) {
    const room = roomOf(file);
    if (room === undefined) {
      violations.push(`${file}: is in no room; name the folder in test/rooms.ts`);
      continue;
    }
    const lines = source.replace(/\n$/, '').split('\n').length;
    if (product.includes(room) && lines > mostLines) {
      violations.push(`${file}: has ${lines} lines, at most ${mostLines} are allowed`);
    }
    for (const { specifier, typeOnly } of importsOf(file, source)) {
      if (!specifier.startsWith('.')) continue;
      const target = path.posix.join(path.posix.dirname(file), specifier);
      const wrong = wrongWith(file, target, files);
      if (wrong !== undefined) violations.push(`${file}: imports ${target}: ${wrong}`);
      if (!typeOnly) runtimeImports.set(file, [...(runtimeImports.get(file) ?? []), target]);
    }
  }
  for (const cycle of cycles(runtimeImports))
    violations.push(`${cycle[0]!}: imports itself: ${cycle.join(' → ')}`);
  return violations.sort();
}

function wrongWith(file: string, target: string, files: ReadonlyMap<string, string>): string | undefined {
  const from = roomOf(file)!;
  const to = roomOf(target);
  if (to === undefined) return 'it is in no room';
  if (!files.has(target)) return 'there is no such file';
  if (from === to) return undefined;
  if (!mayImport[from]!.includes(to)) return `${from} may not know ${to}`;
  if (enterAnywhere.has(from) || isEntrance(target, to)) return undefined;
  return `${to} is entered through its index.ts`;
}

/** lib/linux is large enough for rooms within the room, each with its own index.ts. */
function isEntrance(file: string, room: string): boolean {
  if (file === `${room}/index.ts`) return true;
  return room === 'lib/linux' && /^lib\/linux\/[^/]+\/index\.ts$/.test(file);
}

function roomOf(file: string): string | undefined {
  const [first = '', second = '', third] = file.split('/');
  const room = first === 'lib' && third !== undefined ? `lib/${second}` : first;
  return Object.hasOwn(mayImport, room) && room !== file ? room : undefined;
}

interface Import {
  readonly specifier: string;
  /** Gone after compilation. `import { type A }` is not: verbatimModuleSyntax keeps the import. */
  readonly typeOnly: boolean;
}

function importsOf(file: string, source: string): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      if (ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      found.push({ specifier: specifier.text, typeOnly });
    }
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.ESNext));
  return found;
}

/** One way around for every group of files that import each other, beginning and ending with the same file. */
function cycles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const finished = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start !== -1) {
      found.push([...trail.slice(start), file]);
      return;
    }
    if (finished.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...trail, file]);
    finished.add(file);
  };
  for (const file of [...imports.keys()].sort()) visit(file, []);
  return found;
}
