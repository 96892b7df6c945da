/**
 * Tier 2: takes connections from the directors and gives each to a chat server. A supervisor (supervisor.ts) owns
 * topology, heartbeats and the upstream pool with its schedulers (scheduler-*.ts); N worker processes (worker.ts) carry
 * the connections and ask the supervisor where each one goes.
 */
export { startBalancer } from './start-balancer.ts';
export { hostOwner, hostWishes, type TopologyWishes } from './host-wishes.ts';
