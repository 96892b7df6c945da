/**
 * A client of etcd v3 over its JSON gateway (HTTP/1.1): one consistent reading, one write by compare-and-swap, one
 * watch, over several endpoints. Knows nothing of topologies.
 */
export { etcdAccess, etcdVariables, type EtcdAccess } from './access.ts';
export { formatEtcdAddress, isEtcdAddress, parseEtcdAddress, type EtcdAddress } from './address.ts';
export { EtcdClient, type EtcdClientOptions, type EtcdStream, type EtcdWatchHandlers } from './client.ts';
export type { EtcdEntry, EtcdReading, EtcdSwap } from './codec.ts';
