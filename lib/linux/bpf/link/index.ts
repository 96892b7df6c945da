/** Links: programs attached to network interfaces, through XDP or tcx. A Link owns a descriptor. */
export { Link, type LinkInfo, type XdpMode } from './link.ts';
