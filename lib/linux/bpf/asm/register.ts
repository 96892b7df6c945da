/**
 * A register of the eBPF machine. R0 carries results and the exit code, R1 to R5 arguments (lost in a call),
 * R6 to R9 survive calls, R10 is the read-only frame pointer (the stack is the 512 bytes below it).
 */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

export const R0 = 0;
export const R1 = 1;
export const R2 = 2;
export const R3 = 3;
export const R4 = 4;
export const R5 = 5;
export const R6 = 6;
export const R7 = 7;
export const R8 = 8;
export const R9 = 9;
/** The frame pointer; read only. */
export const R10 = 10;
/** The frame pointer by its other name. */
export const FP = 10;

/** Whether `value` names a register. */
export function isRegister(value: number): value is Register {
  return Number.isInteger(value) && value >= 0 && value <= 10;
}
