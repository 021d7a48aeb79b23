/** Every row of the derivative table, first and second order, on the inputs that every backend is tried on. */
import { grad } from "@dl/autograd";
import "@dl/backend-cpu";
import { applyAll, type FusedOp, type KernelOp, registerBackend, type Tensor, type ViewOp } from "@dl/tensor";
import { arrange, type InputSpec, type Layout, opCases, ReferenceBackend } from "@dl/tensor/testing";
import { expect, test } from "vitest";
import { checkBoth, type Fn, weighed } from "./slopes.ts";

type TableOp = KernelOp | FusedOp;
const isFloat = ({ dtype = "float32" }: InputSpec): boolean => dtype === "float32";
/** See their rows. */
const unrecorded: readonly TableOp[] = ["standardizeBackward", "extremes"];
const ops = (Object.keys(opCases) as TableOp[]).filter((op) => !unrecorded.includes(op));
const rows = ops.flatMap((op) =>
  opCases[op].flatMap((row, i) => (row.inputs.some(isFloat) ? [{ ...row, op, name: `${op} #${i}` }] : [])),
);

function close(got: unknown, wanted: unknown): void {
  if (typeof wanted === "number") expect(got).toBeCloseTo(wanted, 10);
  else (wanted as unknown[]).forEach((item, i) => void close((got as unknown[])[i], item));
}

function inputsOf(specs: readonly InputSpec[], layout: Layout): Tensor[] {
  return specs.map((spec, i) => {
    const wide = isFloat(spec) ? { ...spec, dtype: "float64" as const } : spec;
    const x = arrange(wide, i, layout, "cpu").detach();
    return isFloat(spec) ? x.requiresGrad_() : x;
  });
}

const callOf =
  ({ op, attrs }: (typeof rows)[number]): Fn =>
  (...xs) =>
    applyAll(op, xs, attrs as never)[0]!;

test.each(rows)("$name: the gradient is the slope", (row) => {
  const [f, leaves] = [callOf(row), inputsOf(row.inputs, "contiguous")];
  if (f(...leaves).requiresGrad) checkBoth(f, leaves);
  else expect(f(...leaves).isFloatingPoint(), "a float result has a gradient").toBe(false);
});

const differentiable = rows.filter((row) => callOf(row)(...inputsOf(row.inputs, "contiguous")).requiresGrad);

test.each(differentiable)("$name: the gradient does not depend on how inputs lie in memory", (row) => {
  const gradients = (layout: Layout): unknown => {
    const leaves = inputsOf(row.inputs, layout);
    const out = callOf(row)(...leaves);
    const wanted = leaves.filter(({ requiresGrad }) => requiresGrad);
    return grad(weighed([out]), wanted).map((g) => g.toArray());
  };
  const expected = gradients("contiguous");
  for (const layout of ["transposed", "strided"] as const) close(gradients(layout), expected);
});

const views: { readonly [K in ViewOp]: readonly Fn[] } = {
  reshape: [(x) => x.view(4, 3), (x) => x.squeeze(), (x) => x.unsqueeze(1), (x) => x.t().reshape(2, 6)],
  permute: [(x) => x.t(), (x) => x.view(2, 2, 3).permute(2, 0, 1)],
  expand: [(x) => x.unsqueeze(0).expand(2, 3, 4), (x) => x.narrow(1, 0, 1).expand(3, 5)],
  slice: [
    (x) => x.narrow(1, 1, 2),
    (x) => x.select(0, 1),
    (x) => x.at([null, null, 2], [1, null, 2]),
    (x) => x.t().narrow(0, 1, 2),
  ],
  asStrided: [
    (x) => x.asStrided([2, 2], [4, 1], 1),
    (x) => x.asStrided([3, 3], [2, 1], 0),
    (x) => x.diagonal(),
    (x) => x.unfold(1, 2, 1),
  ],
};

test.each(Object.entries(views))("%s: the gradient is the slope", (_, functions) => {
  for (const f of functions) {
    checkBoth((x) => f(x).exp(), inputsOf([{ shape: [3, 4] }], "contiguous"));
    checkBoth((x) => f(x.exp()), inputsOf([{ shape: [3, 4] }], "strided"));
  }
});

test("transfer: gradients come home", () => {
  registerBackend(new ReferenceBackend());
  const [x] = inputsOf([{ shape: [3] }], "contiguous");
  const away = x!.to("reference").square();
  away.to("cpu").sum().backward();
  expect([away.device, x!.grad!.device]).toEqual(["reference", "cpu"]);
  expect(x!.grad!.equal(x!.detach().mul(2))).toBe(true);
});
