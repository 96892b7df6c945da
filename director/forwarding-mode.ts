/** Which mode each service is forwarded in, and why; pure. */
import { addressKind } from '../lib/address/index.ts';
import type { TargetHealth } from '../lib/heartbeat/index.ts';
import type { Balancer, Forwarding, Service, Topology } from '../topology/index.ts';
import { balancerId } from './balancer-identity.ts';

/** A mode in force: `auto` has been decided. */
export type ServiceMode = Exclude<Forwarding, 'auto'>;

export interface ModeChoice {
  readonly mode: ServiceMode;
  /** One short clause: why this and no other; empty when the file says so. */
  readonly why: string;
  /** The choice of `auto` that is made for good: it stays until the topology changes. */
  readonly settled: boolean;
  /** What the topology demands does not work here, so what ran goes on. */
  readonly lack?: Lack;
  /** The mode that begins as soon as the balancers take it: nothing else is waited for. */
  readonly awaited?: ServiceMode;
}

/** Why something does not work here, and what to do; both one short line. */
export interface Lack {
  readonly reason: string;
  readonly cure: string;
}

export interface ModeInput {
  readonly topology: Topology;
  /** Why this director cannot forward in the mode; undefined: it can. */
  readonly lacks: (mode: ServiceMode) => Lack | undefined;
  /** Why another plane than the usual one carries the mode, with the cure; undefined: the usual one does. */
  readonly stead?: (mode: ServiceMode) => string | undefined;
  /** Why a service that runs may not change its mode now; undefined: it may. */
  readonly held?: (service: string, from: ServiceMode, to: ServiceMode) => Lack | undefined;
  readonly health: (id: string) => TargetHealth | undefined;
  /** Why a balancer that takes dr cannot be reached by it (another link); undefined: it can, or that is not known yet. */
  readonly apart: (balancer: Balancer) => string | undefined;
  /** Modes that run already, by service: of an earlier process, or this one. */
  readonly running: ReadonlyMap<string, ServiceMode>;
  /** Whether balancers have had the time to answer. */
  readonly patient: boolean;
}

/** Modes whose connections never end at the director. */
export function forwardsPackets(mode: ServiceMode): boolean {
  return mode !== 'proxy';
}

/**
 * The mode of each service, by name. What `auto` has settled stays as `before` has it; the caller drops `before` when the
 * topology changes.
 */
export function chooseModes(
  input: ModeInput,
  before: ReadonlyMap<string, ModeChoice> = new Map(),
): ReadonlyMap<string, ModeChoice> {
  return new Map(
    input.topology.services.map((service) => {
      const old = before.get(service.name);
      return [
        service.name,
        old?.settled === true ? old : unlessHeld(input, service, chooseMode(input, service)),
      ] as const;
    }),
  );
}

/** A change that would end connections waits for them; it is looked at again and again. */
function unlessHeld({ running, held }: ModeInput, { name }: Service, choice: ModeChoice): ModeChoice {
  const old = running.get(name);
  const next = choice.awaited ?? choice.mode;
  if (old === undefined || old === next) return choice;
  const lack = held?.(name, old, next);
  if (lack === undefined) return choice;
  return { mode: old, why: `${next} must wait: ${lack.reason}`, settled: false, lack };
}

/**
 * What balancers are told that a service is forwarded by, so that they go on taking it. They take only one of `proxy` and
 * `fullnat` at a time: who waits for the other has to let go first.
 */
export function toldMode({ mode, awaited }: Pick<ModeChoice, 'mode' | 'awaited'>): ServiceMode {
  return awaited !== undefined && isDirectorsSocket(mode) && isDirectorsSocket(awaited) ? awaited : mode;
}

function isDirectorsSocket(mode: ServiceMode): boolean {
  return mode === 'proxy' || mode === 'fullnat';
}

function chooseMode(input: ModeInput, service: Service): ModeChoice {
  if (service.forwarding !== 'auto') return demanded(input, service, service.forwarding);
  const never = whyNever(input, service);
  if (never !== undefined) return { mode: 'proxy', why: `auto: ${never}`, settled: true };
  const balancers = balancersOf(input.topology, service);
  const up = balancers.filter((balancer) => input.health(balancerId(balancer))?.state === 'up');
  if (up.length === 0) {
    // Nobody can take anything yet, so what runs may as well go on.
    const mode = input.running.get(service.name) ?? 'proxy';
    return { mode, why: 'auto: no balancer is up yet', settled: false };
  }
  for (const balancer of up) {
    const why = whyNotTaken(balancer, service, input.health(balancerId(balancer))) ?? input.apart(balancer);
    // A balancer may still be preparing its host.
    if (why !== undefined) return { mode: 'proxy', why: `auto: ${why}`, settled: input.patient };
  }
  const settled = input.patient || up.length === balancers.length;
  return { mode: 'dr', why: 'auto: this director can, and every balancer that is up takes it', settled };
}

/** What cannot be had does not end what runs; without anything that runs the director must not start. */
function demanded(input: ModeInput, service: Service, mode: ServiceMode): ModeChoice {
  const { lacks, running, stead } = input;
  const old = running.get(service.name);
  const lack = old === undefined || old === mode ? undefined : lacks(mode);
  if (old !== undefined && lack !== undefined)
    return { mode: old, why: `${mode} does not work here: ${lack.reason}`, settled: true, lack };
  if (old !== undefined && old !== mode && isTooEarly(input, service, old, mode)) {
    const why = `${mode} begins when the balancers take it`;
    const early = { mode: old, why, settled: false, awaited: mode };
    return input.patient ? { ...early, lack: nobodyTakes(mode) } : early;
  }
  return { mode, why: stead?.(mode) ?? '', settled: true };
}

function nobodyTakes(mode: ServiceMode): Lack {
  return {
    reason: `no balancer takes ${mode}`,
    cure: 'copy the same topology file to every host, and see in the logs of the balancers what their hosts lack',
  };
}

/**
 * A changed file reaches balancers and director in any order: until those that are up take the new mode, the old one goes
 * on, so that there is somebody for new connections all the time. Who has had the time is waited for no longer, unless
 * nobody takes the new one.
 */
function isTooEarly(input: ModeInput, service: Service, from: ServiceMode, to: ServiceMode): boolean {
  const { topology, health, patient } = input;
  const replies = balancersOf(topology, service)
    .filter(({ state, weight }) => state === 'active' && weight > 0)
    .map((balancer) => health(balancerId(balancer)))
    .filter((one) => one?.state === 'up');
  const takes = (mode: ServiceMode): number =>
    replies.filter((one) => takesMode(one, service.name, mode)).length;
  const [taking, took] = [takes(to), takes(from)];
  return taking === 0 ? took > 0 : taking < replies.length && !patient;
}

/** What health cannot change. */
function whyNever({ topology, lacks }: ModeInput, service: Service): string | undefined {
  const { host } = service.listen;
  const kind = addressKind(host);
  if (kind !== 'host') return `the VIP is a ${kind} address`;
  const nodes = [...topology.directors, ...topology.balancers];
  const owner =
    nodes.find((node) => node.host === host) ??
    topology.chatservers.find(({ address }) => address.host === host);
  if (owner !== undefined)
    return `the VIP is the address of ${owner.name}, and dr needs one that no host has`;
  const foreign = balancersOf(topology, service).find(({ probe }) => probe.kind !== 'headgate');
  if (foreign !== undefined)
    return `${foreign.name} does not speak headgate and cannot say whether its host is prepared for dr`;
  const lack = lacks('dr');
  return lack === undefined ? undefined : `dr does not work here: ${lack.reason}; to have it, ${lack.cure}`;
}

function whyNotTaken(
  { name }: Balancer,
  service: Service,
  health: TargetHealth | undefined,
): string | undefined {
  return takesMode(health, service.name, 'dr') ? undefined : `${name} does not take dr`;
}

function balancersOf(topology: Topology, { balancers }: Service): readonly Balancer[] {
  return topology.balancers.filter(({ name }) => balancers.includes(name));
}

/**
 * Whether a balancer says that it can take a service's connections in this mode. One that does not speak headgate takes
 * what the file says; one that says nothing of modes takes proxy only.
 */
export function takesMode(health: TargetHealth | undefined, service: string, mode: ServiceMode): boolean {
  const reply = health?.reply;
  if (reply === undefined || reply === null) return true;
  const takes = reply.services[service]?.takes ?? ['proxy'];
  return takes.some((way) => way === mode);
}
