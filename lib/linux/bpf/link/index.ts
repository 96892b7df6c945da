/** Links: programs attached to network interfaces, through XDP or tcx. A Link owns a descriptor. */
export { Link, type Hook, type LinkInfo, type XdpMode } from './link.ts';
