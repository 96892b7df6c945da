/** A polite line when the optional package raw-socket cannot be loaded, else undefined. */
export async function missingRawSocket(): Promise<string | undefined> {
  try {
    // The specifier is a variable because the package has no types and may be absent.
    const name = 'raw-socket';
    await import(name);
    return undefined;
  } catch {
    return 'the optional package raw-socket is not installed or not built; forwarding with "proxy" does not need it';
  }
}
