/** Coordinates in WGSL. All are u32; a negative one wraps and so fails `inside`. */
import type { Scope } from "./scope.ts";

/** The coordinates of a flat index in a row-major space of these sizes. */
export function unravel(
  scope: Scope,
  index: string,
  sizes: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  const coordinates: [string, ...string[]] = [...sizes];
  let rest = index;
  for (let d = sizes.length - 1; d > 0; d--) {
    coordinates[d] = scope.let(`${rest} % ${sizes[d]}`);
    rest = scope.let(`${rest} / ${sizes[d]}`);
  }
  coordinates[0] = rest;
  return coordinates;
}

/** The flat index of coordinates, after `start` whole spaces. */
export function ravel(scope: Scope, start: string, coordinates: readonly string[], sizes: readonly string[]): string {
  return coordinates.reduce((flat, at, d) => scope.let(`${flat} * ${sizes[d]} + ${at}`), start);
}

export function inside(coordinates: readonly string[], sizes: readonly string[]): string {
  return coordinates.map((at, d) => `${at} < ${sizes[d]}`).join(" && ") || "true";
}

/** Nested loops over a space; the body gets the coordinates. */
export function nest(
  scope: Scope,
  name: string,
  sizes: readonly string[],
  body: (inner: Scope, coordinates: readonly string[]) => void,
): void {
  const names = sizes.map((_, d) => `${name}${d}`);
  const at = (outer: Scope, d: number): void => {
    if (d === sizes.length) body(outer, names);
    else
      outer.block(`for (var ${names[d]} = 0u; ${names[d]} < ${sizes[d]}; ${names[d]}++)`, (inner) => at(inner, d + 1));
  };
  at(scope, 0);
}
