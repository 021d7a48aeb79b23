/** Which kinds of dtypes an op refuses, whether it makes a tensor or changes one: a row each. */
import { dtypes, isWhole } from "../dtype.ts";
import { fail } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import type { BinaryOp, UnaryOp } from "./table.ts";

type Operands = readonly Operand[];
type Rule = readonly [refuses: (operands: Operands) => boolean, problem: string, remedy: string];

// What is no operand at all is not of these kinds either, and is refused later.
const isFractional = (x: Operand): boolean =>
  typeof x === "number" ? !isWhole(x) : dtypes[x?.dtype]?.kind === "float";
const isBool = (x: Operand): boolean => typeof x !== "number" && x?.dtype === "bool";
const areWhole = (operands: Operands): boolean => !operands.some(isFractional);

const bits: Rule = [(all) => all.some(isFractional), "needs whole numbers", 'Cast with .to("int64")'];
const arithmetic: Rule = [(all) => all.every(isBool), "bool tensors have no arithmetic", "Cast to an integer dtype"];
const roots: Rule = [areWhole, "needs a float dtype", 'Cast with .to("float32")'];
const powers: Rule = [(all) => typeof all[1] === "number" && all[1] < 0 && areWhole(all), roots[1], roots[2]];
const difference = "Use logicalXor, or cast to an integer dtype";

const rules: { readonly [K in UnaryOp | BinaryOp]?: readonly Rule[] } = {
  neg: [arithmetic],
  abs: [arithmetic],
  floor: [arithmetic],
  ceil: [arithmetic],
  trunc: [arithmetic],
  relu: [arithmetic],
  sub: [[(all) => all.some(isBool), "bool tensors do not subtract", difference]],
  pow: [arithmetic, powers],
  floorDivide: [arithmetic],
  remainder: [arithmetic],
  fmod: [arithmetic],
  hypot: [roots],
  gcd: [bits, arithmetic],
  bitwiseNot: [bits],
  bitwiseAnd: [bits],
  bitwiseOr: [bits],
  bitwiseXor: [bits],
  bitwiseLeftShift: [bits, arithmetic],
  bitwiseRightShift: [bits, arithmetic],
};

/** What throws for operands that this op refuses; errors are told of `told`. */
export function kindsOf(name: UnaryOp | BinaryOp, told: string = name): (operands: Operands) => void {
  const refused = rules[name] ?? [];
  return (operands) => {
    for (const [refuses, problem, remedy] of refused) if (refuses(operands)) fail(told, problem, remedy);
  };
}
