import {
  IORING_ASYNC_CANCEL_ALL,
  IORING_ASYNC_CANCEL_ANY,
  IORING_REGISTER_SYNC_CANCEL,
} from './abi/constants.ts';
import { syncCancelStruct } from './abi/structs.ts';
import { kernel } from './kernel.ts';

/** How long close() waits for requests that cannot be interrupted. */
const patienceSeconds = 1;

/**
 * Cancels every request of a ring and waits until they are done. Nothing under way (ENOENT), a kernel without it (before
 * 6.0: EINVAL) and patience at its end (ETIME) are all fine: the kernel cancels again when the descriptor is closed.
 */
export function cancelEverything(ringFd: number): void {
  const { bytes, at } = syncCancelStruct;
  const request = new DataView(new ArrayBuffer(bytes));
  request.setInt32(at.fd, -1, true);
  request.setUint32(at.flags, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL, true);
  request.setBigInt64(at.timeoutSec, BigInt(patienceSeconds), true);
  kernel().register(ringFd, IORING_REGISTER_SYNC_CANCEL, new Uint8Array(request.buffer), 1);
}
