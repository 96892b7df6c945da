import { i32, layout, pad, u16, u32, u8 } from '../../layout/index.ts';

/** struct sockaddr_nl, include/uapi/linux/netlink.h. `port` is nl_pid: 0 is the kernel. */
export const sockaddrLayout = layout(
  'sockaddr_nl',
  { family: u16, padding: pad(2), port: u32, groups: u32 },
  { size: 12 },
);

/** struct nlmsghdr. `length` counts the header and no alignment. */
export const headerLayout = layout(
  'nlmsghdr',
  { length: u32, type: u16, flags: u16, sequence: u32, port: u32 },
  { size: 16 },
);

/** The beginning of struct nlmsgerr; the header of the request follows, and its payload unless it was capped. */
export const errorLayout = layout('nlmsgerr', { error: i32 }, { size: 4 });

/** struct nlattr. `length` counts the header and no alignment. */
export const attributeLayout = layout('nlattr', { length: u16, type: u16 }, { size: 4 });

/** struct ifinfomsg, include/uapi/linux/rtnetlink.h. */
export const linkLayout = layout(
  'ifinfomsg',
  { family: u8, padding: pad(1), hardware: u16, index: i32, flags: u32, change: u32 },
  { size: 16 },
);

/** struct ifaddrmsg, include/uapi/linux/if_addr.h. */
export const addressLayout = layout(
  'ifaddrmsg',
  { family: u8, prefixLength: u8, flags: u8, scope: u8, index: u32 },
  { size: 8 },
);

/** struct ndmsg, include/uapi/linux/neighbour.h. */
export const neighbourLayout = layout(
  'ndmsg',
  { family: u8, padding: pad(3), index: i32, state: u16, flags: u8, type: u8 },
  { size: 12 },
);

/** struct rtmsg, include/uapi/linux/rtnetlink.h. */
export const routeLayout = layout(
  'rtmsg',
  {
    family: u8,
    destinationLength: u8,
    sourceLength: u8,
    tos: u8,
    table: u8,
    protocol: u8,
    scope: u8,
    type: u8,
    flags: u32,
  },
  { size: 12 },
);
