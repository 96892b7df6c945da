/**
 * Tier 2: takes connections from the directors and gives each to a chat server. A supervisor (supervisor.ts) owns
 * topology, heartbeats and the upstream pool (upstream-pool.ts), which it keeps up to date in the pick table; N worker
 * processes (worker.ts) carry the connections and pick where each one goes (scheduler-*.ts) out of that table.
 */
export { startBalancer } from './start-balancer.ts';
export { hostOwner, hostWishes, type TopologyWishes } from './host-wishes.ts';
