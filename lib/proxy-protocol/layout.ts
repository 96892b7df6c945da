/**
 * The version 2 header (section 2.2 of the specification):
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------------------------------------------------------+
 *     |  signature: 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A (12 bytes)     |
 *     +-------+-------+-------+-------+-------------------------------+
 *     |   2   |command|family |protoc.|  length of what follows, be16 |
 *     +-------+-------+-------+-------+-------------------------------+
 *     |  source address, destination address, ports (be16 each)       |
 *     +---------------------------------------------------------------+
 *     |  type-length-value vectors: type u8, length be16, value       |
 *     +---------------------------------------------------------------+
 */
export const signature = Uint8Array.of(
  0x0d,
  0x0a,
  0x0d,
  0x0a,
  0x00,
  0x0d,
  0x0a,
  0x51,
  0x55,
  0x49,
  0x54,
  0x0a,
);

/** Offsets of the fixed part, and its size. */
export const v2 = { versionCommand: 12, familyProtocol: 13, length: 14, bytes: 16 } as const;

export const version2 = 2;
export const command = { local: 0, proxy: 1 } as const;
export const family = { unspec: 0, inet: 1, inet6: 2, unix: 3 } as const;
export const protocol = { unspec: 0, stream: 1, datagram: 2 } as const;

/** Bytes of the address block by family: two addresses, and two ports for IP. */
export const addressBlockBytes: Readonly<Record<number, number>> = {
  [family.inet]: 12,
  [family.inet6]: 36,
  [family.unix]: 216,
};

/** A vector's type and length, before its value. */
export const tlvHeadBytes = 3;
/** PP2_TYPE_CRC32C: be32 checksum over the header with this field zero (section 2.2.3). */
export const tlvCrc32c = 0x03;

/** The longest version 1 line, CRLF included (section 2.1). */
export const maxV1Bytes = 107;

/**
 * The most a version 2 header may announce after its fixed part. Our limit, not the specification's, which only says
 * that a header fits into one segment: 216 bytes of addresses and room for certificates' names in vectors.
 */
export const maxV2PayloadBytes = 4096;

/** The longest header of either version. */
export const maxHeaderBytes = v2.bytes + maxV2PayloadBytes;
