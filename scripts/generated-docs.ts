import { errorDocs } from './write-error-docs.ts';
import { topologyDocs, topologySchemaText } from './write-topology-docs.ts';

/** The generated pages: name inside docs/, text. */
export function generatedDocs(): ReadonlyMap<string, string> {
  return new Map([
    ['topology.md', topologyDocs()],
    ['topology.schema.json', topologySchemaText()],
    ['errors.md', errorDocs()],
  ]);
}
