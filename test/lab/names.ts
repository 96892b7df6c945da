/** Names of the namespaces: `hg-<pid of the test process>-<number of the lab in it>-<host>`. */

const pattern = /^hg-(\d+)-(\d+)-([a-z][a-z0-9]*)$/;

/** The bridge that joins the hosts lives in a namespace of its own under this name; no host may have it. */
export const bridgeHost = 'net';

export interface LabName {
  readonly pid: number;
  readonly number: number;
  readonly host: string;
}

export function namespaceName({ pid, number, host }: LabName): string {
  const name = `hg-${pid}-${number}-${host}`;
  if (!pattern.test(name)) throw new Error(`host ${host}: a name is lower-case letters and digits`);
  return name;
}

/** Undefined when the namespace is not one of a lab. */
export function parseNamespaceName(name: string): LabName | undefined {
  const match = pattern.exec(name);
  if (match === null) return undefined;
  return { pid: Number(match[1]), number: Number(match[2]), host: match[3]! };
}

/** Those of `names` that belong to labs whose process is gone. */
export function staleNamespaces(names: readonly string[], isRunning: (pid: number) => boolean): string[] {
  return names.filter((name) => {
    const lab = parseNamespaceName(name);
    return lab !== undefined && !isRunning(lab.pid);
  });
}
