/** The directors' decision, as data. */
export interface ForwardingTable {
  readonly services: readonly unknown[];
}
