import { type Arguments, fail, linalg, noGrad, readArguments, type Tensor } from "@dl/tensor";
import { derived, fieldNamed, fieldsOf, install, parameterAt, recipeOf, uninstall } from "./computed.ts";
import type { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** The lengths of slices along `dim`; of the whole where that is null. */
function lengths(v: Tensor, dim: number | null): Tensor {
  if (dim === null) return linalg.vectorNorm(v);
  const others = v.shape.map((_, i) => i).filter((i) => i !== dim);
  return others.length > 0 ? linalg.vectorNorm(v, 2, others, true) : v.abs();
}

/**
 * Splits a parameter into a length `weight_g` and a direction `weight_v`: before each call the field is g · v / ‖v‖. Lengths are
 * those of slices along `dim`, or with null that of the whole.
 * @returns the module
 * @throws TensorError for a name that is none of a parameter's, a second time, and for a lazy layer that has no size yet
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.weight_norm.html
 * @see https://arxiv.org/abs/1602.07868 (Salimans & Kingma, 2016)
 * @example
 * const layer = utils.weightNorm(new Linear(20, 40));
 * Object.keys(layer.stateDict()); // ["bias", "weight_g", "weight_v"]
 * layer.getParameter("weight_g").shape; // [40, 1]
 */
export function weightNorm<M extends Module>(
  module: M,
  ...args: Arguments<["name", "dim"], [name?: string, dim?: number | null]>
): M {
  const call = { name: "weightNorm", names: ["name", "dim"] };
  const [name = "weight", given = 0] = readArguments<[string?, (number | null)?]>(call, args);
  const field = fieldNamed(module, name);
  if (recipeOf("weightNorm", module, field))
    fail("weightNorm", `${name} has one already`, "Call removeWeightNorm first");
  const weight = parameterAt("weightNorm", module, field);
  // PyTorch writes −1 for the whole, too.
  const dim = given === -1 ? null : given;
  if (dim !== null && !(dim >= 0 && dim < weight.ndim)) {
    fail("weightNorm", `${name} has ${weight.ndim} dimensions, got dim ${dim}`, "null takes the whole");
  }
  const [g, v] = [derived(field, "g"), derived(field, "v")];
  Reflect.deleteProperty(module, field);
  module.registerParameter(g, new Parameter(noGrad(() => lengths(weight.detach(), dim))));
  module.registerParameter(v, new Parameter(weight.detach()));
  const compute = (owner: Module): Tensor => {
    const { [g]: length, [v]: direction } = fieldsOf(owner);
    return direction!.mul(length!.div(lengths(direction!, dim)));
  };
  fieldsOf(module)[field] = compute(module);
  install(module, { op: "weightNorm", field, compute });
  return module;
}

/**
 * Ends {@link weightNorm}: the field is a parameter again, with the values it had.
 * @returns the module
 * @throws TensorError where there is no weight norm of that name
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.remove_weight_norm.html
 * @example
 * const layer = utils.weightNorm(new Linear(4, 2));
 * utils.removeWeightNorm(layer).namedParameters().map(([name]) => name); // ["bias", "weight"]
 */
export function removeWeightNorm<M extends Module>(module: M, name: string = "weight"): M {
  uninstall(
    ["removeWeightNorm", "weightNorm"],
    module,
    name,
    ["g", "v"],
    ({ compute }) => new Parameter(noGrad(() => compute(module))),
  );
  return module;
}
