/** Tensors long enough to wait, for tests. */
import { apply, scope, type Tensor, tensor } from "@dl/tensor";

export const rows = 9;
export const columns = 4096;

export function values(seed: number, shape: readonly number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length: count }, (_, i) => Math.fround(Math.sin(seed * 7.7 + i * 0.37) * 3));
  return scope(() => tensor(data).reshape(...shape));
}

/** The elements' bytes: many times quicker to compare than the elements. */
export const bytes = (x: Tensor): Buffer => Buffer.from(x.backend.readSync!(x).buffer);
export const first = (x: Tensor): number => scope(() => x.reshape(-1).narrow(0, 0, 1).item() as number);

/** Some columns, and zeros around them. */
const size = 1500;
export const slice = (x: Tensor, first: number): Tensor => x.narrow(-1, first, size);
export function around(x: Tensor, first: number): Tensor {
  const padding = x.shape.map((_, dim): [number, number] =>
    dim < x.ndim - 1 ? [0, 0] : [first, columns - first - size],
  );
  return apply("pad", [x], { padding, value: 0 });
}
