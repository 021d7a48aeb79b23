/**
 * How many sums the micro kernels keep in registers, by what the engine makes of 128-bit vectors. V8 has 15 to give away;
 * one row of the right side and one factor take the rest.
 */
import type { ModuleOptions } from "../wasm/emitter.ts";

/** A tile of C: rows, and vectors across. */
export interface Tile {
  readonly rows: number;
  readonly vectors: number;
}

export interface Tiles {
  /** Of products of packed panels, and of the two gradients of a convolution. */
  readonly wide: Tile;
  /** Of convolutions, whose rows of pixels may be short. */
  readonly tall: Tile;
}

/**
 * 6×8 (float64: 6×4) fills the registers; without fused multiply-add one more is needed for the product. Where the engine
 * joins neighbouring vectors into one of 256 bits, twice as many sums fit, and are needed to hide the latency of additions.
 */
export function tilesFor({ relaxed, joined }: Pick<ModuleOptions, "relaxed" | "joined">): Tiles {
  const rows = relaxed ? 6 : 5;
  if (joined) return { wide: { rows, vectors: 4 }, tall: { rows: 8, vectors: 2 } };
  return { wide: { rows, vectors: 2 }, tall: { rows, vectors: 2 } };
}
