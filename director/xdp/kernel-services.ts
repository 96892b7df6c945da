import { formatEndpoint, parseEndpoint, type Endpoint } from '../../lib/address/index.ts';
import type { MaglevTable } from '../../lib/maglev/index.ts';
import { ipBytes } from '../../lib/packet/index.ts';
import { Mode, noBalancer, serviceLayout, type ForwardService } from '../forward/index.ts';
import type { ServiceForwarding } from '../forwarding-table.ts';
import type { DataPath } from './data-path.ts';
import { Indices } from './indices.ts';
import { slotsOf } from './kernel-state.ts';
import type { KernelMemory } from './memory.ts';
import { modeName, modeNumber } from './modes.ts';
import type { IndexView } from './nat-endpoints.ts';
import { parseServiceName, serviceNameText, type ServiceName } from './service-names.ts';
import { readService, writeServices } from './services.ts';

export interface KernelServicesOptions {
  readonly path: Pick<DataPath, 'maps' | 'capacity'>;
  /** What the maps hold. */
  readonly memory: Pick<KernelMemory, 'services'>;
  readonly balancers: Pick<IndexView, 'indexOf'>;
}

/** The services that the kernel knows: their indices, modes and tables. */
export class KernelServices {
  readonly indices: Indices;
  readonly #options: KernelServicesOptions;
  readonly #slots = new WeakMap<MaglevTable, { readonly indices: string; readonly slots: Uint16Array }>();
  #running: readonly ForwardService[] = [];
  #none: Uint16Array | undefined;

  constructor(options: KernelServicesOptions) {
    const { path, memory } = options;
    this.#options = options;
    const vipText = (name: string): string => name.split(' ')[1] ?? name;
    this.indices = new Indices(path.maps.service_names, path.capacity.services, memory.services, vipText);
  }

  /** Gives every service an index; answers the names for which there is none. */
  assign(services: readonly ServiceForwarding[]): readonly string[] {
    return this.indices.assign(services.map((service) => ({ name: serviceNameText(service) })));
  }

  /** Index of a VIP, whatever the service's name. */
  indexOf(service: ServiceName): number | undefined {
    return this.indices.indexOf(serviceNameText(service));
  }

  /** Index of the service that flow reports name by its VIP, `host:port`. */
  indexOfVip(text: string): number | undefined {
    const listen = parseEndpoint(text);
    return listen && this.indexOf({ name: '', listen });
  }

  /** Whether the kernel has a service of this VIP, in whatever mode. */
  knows(listen: Endpoint): boolean {
    return this.indexOf({ name: '', listen }) !== undefined;
  }

  /** Index, name and VIP of each. */
  named(): readonly { readonly index: number; readonly service: ServiceName }[] {
    return this.indices.inUse().flatMap(([index, text]) => {
      const service = parseServiceName(text);
      return service === undefined ? [] : [{ index, service }];
    });
  }

  /** Name and VIP of an index. */
  serviceOf(index: number): ServiceName | undefined {
    return parseServiceName(this.indices.nameOf(index) ?? '');
  }

  /**
   * Services that are wanted, and those that left and still have flows: with nobody to take new ones. A wanted one of which
   * `isMarking` is true is in mode proxy.
   */
  write(wanted: readonly ServiceForwarding[], isMarking: (service: ServiceForwarding) => boolean): void {
    const services = this.named().map(({ index, service: { listen } }) => {
      const service = wanted.find((one) => formatEndpoint(one.listen) === formatEndpoint(listen));
      const mode =
        service === undefined
          ? this.#modeInKernel(listen)
          : isMarking(service)
            ? Mode.Proxy
            : (modeNumber(service.mode) ?? Mode.Proxy);
      const slots = service === undefined || mode === Mode.Proxy ? this.#noSlots() : this.#slotsOf(service);
      const fresh = { index, address: ipBytes(listen.host), port: listen.port, mode, slots };
      return this.#running.find((old) => sameService(old, fresh)) ?? fresh;
    });
    writeServices(this.#options.path, services, this.#running);
    this.#running = services;
  }

  /** Mode that this process has written. */
  modeOf(index: number): Mode | undefined {
    return this.#running.find((service) => service.index === index)?.mode;
  }

  /** Whether the kernel leaves the packets of new connections to sockets. */
  isProxied(listen: Endpoint): boolean {
    const value = readService(this.#options.path, listen);
    return value === undefined || serviceLayout.get(value, 'mode') === Mode.Proxy;
  }

  /** Gives up an index to which nothing refers any more. */
  free(index: number): void {
    const left = this.#running.filter((service) => service.index !== index);
    writeServices(this.#options.path, left, this.#running);
    this.#running = left;
    this.indices.free(index);
  }

  #modeInKernel(listen: Endpoint): Mode {
    const value = readService(this.#options.path, listen);
    const mode = value === undefined ? Mode.Dr : serviceLayout.get(value, 'mode');
    return modeName(mode) === undefined ? Mode.Dr : (mode as Mode);
  }

  #noSlots(): Uint16Array {
    this.#none ??= new Uint16Array(this.#options.path.capacity.tableSize).fill(noBalancer);
    return this.#none;
  }

  #slotsOf({ maglev, owners }: ServiceForwarding): Uint16Array {
    const numbers = owners.map(({ id }) => this.#options.balancers.indexOf(id) ?? noBalancer);
    const indices = numbers.join(' ');
    const known = this.#slots.get(maglev);
    if (known?.indices === indices) return known.slots;
    const slots = slotsOf(maglev, numbers);
    this.#slots.set(maglev, { indices, slots });
    return slots;
  }
}

function sameService(old: ForwardService, fresh: ForwardService): boolean {
  return (
    old.index === fresh.index &&
    old.mode === fresh.mode &&
    old.slots === fresh.slots &&
    old.port === fresh.port &&
    Buffer.compare(old.address, fresh.address) === 0
  );
}
