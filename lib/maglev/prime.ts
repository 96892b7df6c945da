/** Whether `candidate` is a prime; by trial division, for the sizes of tables. */
export function isPrime(candidate: number): boolean {
  if (!Number.isInteger(candidate) || candidate < 2) return false;
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) {
    if (candidate % divisor === 0) return false;
  }
  return true;
}

/**
 * For each x below the prime `size` (at most 2^20), the y with x · y ≡ 1; 0 for 0. A permutation of 0 to size - 1.
 * By the recurrence 1/x = -(size div x) · 1/(size mod x), one division per entry.
 */
export function modularInverses(size: number): Uint32Array {
  const inverses = new Uint32Array(size);
  inverses[1] = 1;
  for (let x = 2; x < size; x++) {
    inverses[x] = size - ((Math.floor(size / x) * inverses[size % x]!) % size);
  }
  return inverses;
}
