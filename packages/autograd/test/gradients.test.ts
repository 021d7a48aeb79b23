import { grad, hessian } from "@dl/autograd";
import "@dl/backend-cpu";
import { applyAll, type FusedOp, type KernelOp, noGrad, type Tensor, tensor } from "@dl/tensor";
import { arrange, type InputSpec, opCases } from "@dl/tensor/testing";
import { expect, test } from "vitest";

/** Made from nothing, or without a float result. */
const skipped = new Set(["random", "full", "arange"]);
const rows = (Object.keys(opCases) as (KernelOp | FusedOp)[]).flatMap((op) =>
  opCases[op]
    .map((row, i) => ({ op, name: `${op} #${i}`, ...row }))
    .filter(({ inputs }) => !skipped.has(op) && inputs.some((spec) => (spec.dtype ?? "float32") === "float32")),
);

const step = 1e-6;

test.each(rows)("$name: the gradient is the slope", ({ op, inputs, attrs }) => {
  const specs = inputs.map((spec: InputSpec) =>
    (spec.dtype ?? "float32") === "float32" ? { ...spec, dtype: "float64" as const } : spec,
  );
  const leaves = specs.map((spec, i) => arrange(spec, i, "contiguous", "cpu"));
  const loss = (args: readonly Tensor[]): Tensor => {
    const [out] = applyAll(op, args, attrs as never);
    return out!.isFloatingPoint()
      ? out!.mul(out!.detach().mul(0).add(weights(out!))).sum()
      : tensor(0, { dtype: "float64" });
  };
  leaves.forEach((leaf) => void (leaf.dtype === "float64" && leaf.requiresGrad_()));
  const result = loss(leaves);
  if (!result.requiresGrad) {
    const [out] = applyAll(op, leaves, attrs as never);
    expect(out!.isFloatingPoint(), "a float result has a gradient").toBe(false);
    return;
  }
  const wanted = leaves.filter(({ requiresGrad }) => requiresGrad);
  const grads = grad(result, wanted, { allowUnused: true });
  wanted.forEach((leaf, which) => {
    const slopes = noGrad(() => slopesOf(loss, leaves, leaf) as never) as number[];
    const got = grads[which] ? (grads[which]!.reshape(-1).toArray() as number[]) : slopes.map(() => 0);
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(slopes[i]!, 4);
    });
  });
});

/** Different for every element, so that mixed-up elements show. */
function weights(out: Tensor): Tensor {
  return tensor(
    Array.from({ length: out.numel() }, (_, i) => 1 + (i % 7) / 10),
    { dtype: "float64" },
  ).view(out.shape);
}

function slopesOf(loss: (args: readonly Tensor[]) => Tensor, leaves: readonly Tensor[], leaf: Tensor): number[] {
  const array = leaf.detach().numpy().data as Float64Array;
  return Array.from({ length: leaf.numel() }, (_, i) => {
    const before = array[i]!;
    array[i] = before + step;
    const up = loss(leaves).item();
    array[i] = before - step;
    const down = loss(leaves).item();
    array[i] = before;
    return (up - down) / (2 * step);
  });
}

test("backward accumulates, and passes a graph once", () => {
  const x = tensor([1, 2], { dtype: "float32", requiresGrad: true });
  const y = x.square().sum();
  y.backward(null, { retainGraph: true });
  y.backward();
  expect(x.grad!.toArray()).toEqual([4, 8]);
  expect(() => y.backward()).toThrow("retainGraph: true");
  expect(() => x.mul(2).backward()).toThrow("needs a gradient for a tensor of shape [2]");
});

test("second derivatives", () => {
  const h = hessian((x) => x.pow(3).sum(), tensor([1, 2], { dtype: "float64" }));
  expect(h.toArray()).toEqual([
    [6, 0],
    [0, 12],
  ]);
});

test("a saved tensor that changed is noticed", () => {
  const x = tensor([1, 2], { dtype: "float32", requiresGrad: true });
  const y = x.exp();
  y.add_(1);
  expect(() => y.sum().backward()).toThrow("changed in place");
});

test("writing through a view gives its base a new history", () => {
  const x = tensor([1, 2, 3], { dtype: "float32", requiresGrad: true });
  const y = x.mul(2);
  y.at([0, 2]).mul_(10);
  y.sum().backward();
  expect(x.grad!.toArray()).toEqual([20, 20, 2]);
});
