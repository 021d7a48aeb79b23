// The same numbers for every library: a linear congruential generator that peers/pytorch/data.py mirrors.

/** `n` floats, uniform in [-scale, scale). */
export function uniform(n: number, seed: number, scale: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(n);
  let state = seed >>> 0;
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2147483648 - 1) * scale;
  }
  return values;
}

/** `n` whole numbers, uniform from 0 to `below` - 1. */
export const wholes = (n: number, seed: number, below: number): Int32Array<ArrayBuffer> =>
  Int32Array.from(uniform(n, seed, 0.5), (value) => Math.min(below - 1, Math.floor((value + 0.5) * below)));

/** A batch as a loader hands it out: pixels already normalised to -0.5..0.5, and digits 0 to 9. */
export function batchOf(size: number): { pixels: Float32Array<ArrayBuffer>; digits: Int32Array<ArrayBuffer> } {
  return { pixels: uniform(size * 784, 21, 0.5), digits: wholes(size, 7, 10) };
}
