/**
 * Size classes: multiples of 64 bytes up to 256, then four steps to every power of two, so that a block is at most a
 * quarter (or 63 bytes) bigger than asked for. Class and size are found from each other without a table.
 */
const ALIGNMENT = 64;

export const CLASS_COUNT = 112;

/** The class whose blocks hold `bytes` (0 to 16 GiB). */
export function classOf(bytes: number): number {
  const units = Math.ceil(bytes / ALIGNMENT);
  if (units <= 4) return units <= 1 ? 0 : units - 1;
  const power = 31 - Math.clz32(units - 1);
  return 4 * (power - 1) + ((units - 1 - (1 << power)) >> (power - 2));
}

/** The size of the blocks of a class. */
export function sizeOf(sizeClass: number): number {
  if (sizeClass < 4) return (sizeClass + 1) * ALIGNMENT;
  const power = (sizeClass >> 2) + 1;
  return ALIGNMENT * (2 ** power + ((sizeClass & 3) + 1) * 2 ** (power - 2));
}
