/** Borders: a constant, mirrored, repeated or wrapped around. */
import { apply, checkName, composite, fail, labelled, showShape, type Tensor } from "@dl/tensor";
import { indexTensor } from "./positions.ts";

export type PaddingMode = "constant" | "reflect" | "replicate" | "circular";

/** Where position `i` (from −before) of a padded dimension comes from. */
const sources: { readonly [M in Exclude<PaddingMode, "constant">]: (i: number, size: number) => number } = {
  reflect: (i, size) => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i),
  replicate: (i, size) => Math.min(Math.max(i, 0), size - 1),
  circular: (i, size) => (i + size) % size,
};

function padEdge(
  input: Tensor,
  dim: number,
  before: number,
  after: number,
  mode: Exclude<PaddingMode, "constant">,
): Tensor {
  const size = input.shape[dim]!;
  const longest = Math.max(before, after);
  if ((mode === "reflect" && longest >= size) || (mode === "circular" && longest > size)) {
    fail("pad", `${mode} padding [${before}, ${after}] is too large for dimension ${dim} of ${showShape(input.shape)}`);
  }
  const from = Array.from({ length: size + before + after }, (_, i) => sources[mode](i - before, size));
  return input.indexSelect(dim, indexTensor(from, [from.length], input));
}

/**
 * Adds elements before and after dimensions: `pad` lists pairs from the last dimension backwards. Negative numbers cut.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
 * @example
 * F.pad(tensor([[1, 2]]), [1, 1]); // tensor([[0, 1, 2, 0]])
 * F.pad(floatTensor([[[1, 2, 3]]]), [1, 1], { mode: "reflect" }); // tensor([[[2., 1., 2., 3., 2.]]])
 */
export const pad = composite(
  "pad(input, pad, mode?, value?)",
  (input: Tensor, amounts: readonly number[], mode: PaddingMode = "constant", value?: number | null): Tensor => {
    if (amounts.length % 2 !== 0 || amounts.length > 2 * input.ndim) {
      fail("pad", `needs up to ${input.ndim} pairs for ${showShape(input.shape)}, got ${showShape(amounts)}`);
    }
    checkName("pad", "mode", mode, ["constant", ...Object.keys(sources)]);
    const pairs = input.shape.map((_, dim): [number, number] => {
      const at = 2 * (input.ndim - 1 - dim);
      return [amounts[at] ?? 0, amounts[at + 1] ?? 0];
    });
    const cut = cutNegative(input, pairs);
    const grown = pairs.map(([before, after]): [number, number] => [Math.max(before, 0), Math.max(after, 0)]);
    if (grown.every(([before, after]) => before === 0 && after === 0)) return cut.clone();
    if (mode === "constant") return apply("pad", [cut], { padding: grown, value: Number(value ?? 0) });
    const padded = grown.reduce(
      (x, [before, after], dim) => (before || after ? padEdge(x, dim, before, after, mode) : x),
      cut,
    );
    if (mode === "circular") return padded;
    const label = `${mode === "reflect" ? "Reflection" : "Replication"}Pad${amounts.length / 2}DBackward0`;
    return labelled(padded, label, "piecewise");
  },
);

/** {@link pad} with one value, 0 unless given. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html */
export const constantPadNd = composite(
  "constantPadNd(input, pad, value?)",
  (input: Tensor, amounts: readonly number[], value: number = 0): Tensor => pad(input, amounts, "constant", value),
);

function cutNegative(input: Tensor, pairs: readonly [number, number][]): Tensor {
  return pairs.reduce((x, [before, after], dim) => {
    const [first, last] = [Math.max(-before, 0), Math.max(-after, 0)];
    return first || last ? x.narrow(dim, first, x.shape[dim]! - first - last) : x;
  }, input);
}
