import type { ListedCommand } from './command.ts';

/** Every subcommand, in the order of the overview. Each is loaded when it is asked for, so that none waits for the others. */
export const commands: readonly ListedCommand[] = [
  {
    name: 'up',
    summary: 'run every node of a topology on this machine',
    load: async () => (await import('./up.ts')).upCommand,
  },
  {
    name: 'status',
    summary: 'show the tiers: node, state, misses, connections, new connections per second',
    load: async () => (await import('./status.ts')).statusCommand,
  },
  {
    name: 'director',
    summary: 'run a director: takes clients on the VIP and forwards them to balancers',
    load: async () => (await import('./director.ts')).directorCommand,
  },
  {
    name: 'balancer',
    summary: 'run a balancer: spreads connections over the chat servers',
    load: async () => (await import('./balancer.ts')).balancerCommand,
  },
  {
    name: 'chatserver-stub',
    summary: 'run a small chat server, for demos, tests and load',
    load: async () => (await import('./chatserver-stub.ts')).chatserverStubCommand,
  },
  {
    name: 'chat',
    summary: 'chat with everybody on a chat service',
    load: async () => (await import('./chat.ts')).chat,
  },
  {
    name: 'explain',
    summary: 'say which balancer a client gets, and why',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  {
    name: 'prepare-host',
    summary: 'prepare the host of a balancer that is nginx or HAProxy for dr and tun',
    finishes: true,
    load: async () => (await import('./prepare-host.ts')).prepareHostCommand,
  },
  {
    name: 'topology check',
    summary: 'tell everything that is wrong with a topology file',
    load: async () => (await import('./topology-check.ts')).topologyCheck,
  },
  {
    name: 'topology show',
    summary: 'show what each node runs, or a topology file with every default written out',
    load: async () => (await import('./topology-show.ts')).topologyShow,
  },
  {
    name: 'topology new-secret',
    summary: 'make a cluster secret, as a key file or printed',
    finishes: true,
    load: async () => (await import('./topology-new-secret.ts')).topologyNewSecret,
  },
  {
    name: 'topology plan',
    summary: 'say what a changed topology would do, before anything changes',
    load: async () => (await import('./topology-plan.ts')).topologyPlan,
  },
  {
    name: 'topology apply',
    summary: 'roll a topology out over the running cluster, all nodes or none',
    finishes: true,
    load: async () => (await import('./topology-apply.ts')).topologyApply,
  },
  {
    name: 'topology add',
    summary: 'add a director, balancer or chat server to a topology file',
    finishes: true,
    load: async () => (await import('./topology-add.ts')).topologyAdd,
  },
  {
    name: 'topology drain',
    summary: 'let a balancer or chat server take nothing new and keep what it has',
    finishes: true,
    load: async () => (await import('./topology-drain.ts')).topologyDrain,
  },
  {
    name: 'topology undrain',
    summary: 'let a draining balancer or chat server take new connections again',
    finishes: true,
    load: async () => (await import('./topology-undrain.ts')).topologyUndrain,
  },
  {
    name: 'topology set-weight',
    summary: 'change the share of new connections of a balancer or chat server',
    finishes: true,
    load: async () => (await import('./topology-set-weight.ts')).topologySetWeight,
  },
  {
    name: 'topology remove',
    summary: 'remove a node: it drains, then its process exits',
    finishes: true,
    load: async () => (await import('./topology-remove.ts')).topologyRemove,
  },
  {
    name: 'topology rotate-secret',
    summary: 'give the running cluster a new secret, without downtime',
    finishes: true,
    load: async () => (await import('./topology-rotate-secret.ts')).topologyRotateSecret,
  },
];
