/**
 * Pruning: parameters some of whose elements are held at zero, PyTorch's `nn.utils.prune`. `weight_orig` is learnt,
 * `weight_mask` has zeros where elements are pruned, and before each call the field is their product. Of what is pruned
 * again, `amount` counts what is still left.
 *
 * An `amount` below 1 is a share, a whole number a count: here 1 is one, which PyTorch tells from 1.0.
 */
import { cat, fail, noGrad, nonzero, onesLike, rand, sameShape, scope, showShape, type Tensor } from "@dl/tensor";
import {
  derived,
  fieldNamed,
  fieldsOf,
  install,
  parameterAt,
  type Recipe,
  recipeOf,
  recipesOf,
  uninstall,
} from "./computed.ts";
import { lpNorm } from "./functional/distance.ts";
import type { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Scores [N, …] of units: those with the lowest are pruned. */
export type PruningMethod = (importance: Tensor) => Tensor;

/** For {@link globalUnstructured}: what is nearest to zero goes first. */
export const L1Unstructured: PruningMethod = (importance) => importance.abs();
/** For {@link globalUnstructured}: any may go. */
export const RandomUnstructured: PruningMethod = ({ shape, device }) => rand(shape, { device });

/** How many of `units`. As in Python, halves are rounded to even numbers. */
function countOf(op: string, amount: number, units: number): number {
  if (!(amount >= 0 && (amount < 1 || Number.isInteger(amount)))) {
    fail(op, `amount is a share in [0, 1) or a whole number, got ${amount}`);
  }
  if (amount > units) fail(op, `amount is ${amount}, but ${units} are left to prune`);
  if (amount >= 1) return amount;
  const [exact, down] = [amount * units, Math.floor(amount * units)];
  return exact - down === 0.5 ? down + (down % 2) : Math.round(exact);
}

/** Of units [N, M] that have a mask with ones in them, those with the lowest scores. Of equal ones the `first` or the last. */
function lowest(op: string, scores: Tensor, mask: Tensor, amount: number, equal: "first" | "last"): Tensor {
  const found = nonzero(mask.amax(1)).view(-1);
  const left = equal === "first" ? found : found.flip(0);
  const count = countOf(op, amount, left.numel());
  return left.indexSelect(0, scores.indexSelect(0, left).topk(count, 0, { largest: false }).indices);
}

/** The module's mask and its values, those that are pruned as zeros. */
function stateOf(op: string, module: Module, field: string): [mask: Tensor, values: Tensor] {
  const { [derived(field, "mask")]: mask, [derived(field, "orig")]: orig } = fieldsOf(module);
  if (recipeOf("prune", module, field)) return [mask!, orig!.detach().mul(mask!)];
  const values = parameterAt(op, module, field).detach();
  return [onesLike(values), values];
}

function applyMask(module: Module, field: string, mask: Tensor): void {
  const [origField, maskField] = [derived(field, "orig"), derived(field, "mask")];
  const compute = (owner: Module): Tensor => {
    const { [origField]: orig, [maskField]: kept } = fieldsOf(owner);
    return orig!.mul(kept!);
  };
  if (recipeOf("prune", module, field)) {
    fieldsOf(module)[maskField] = mask;
  } else {
    const weight = parameterAt("prune", module, field);
    Reflect.deleteProperty(module, field);
    module.registerParameter(origField, weight);
    module.registerBuffer(maskField, mask);
    install(module, { op: "prune", field, compute });
  }
  fieldsOf(module)[field] = compute(module);
}

/** The mask of a parameter becomes what `next` makes of it. */
function prune<M extends Module>(
  op: string,
  module: M,
  name: string,
  next: (mask: Tensor, values: Tensor) => Tensor,
): M {
  const field = fieldNamed(module, name);
  const mask = noGrad(() => scope(() => next(...stateOf(op, module, field))));
  applyMask(module, field, mask);
  return module;
}

function unstructured(op: string, mask: Tensor, scores: Tensor, amount: number): Tensor {
  const flat = mask.reshape(-1, 1);
  return flat
    .view(-1)
    .indexFill(0, lowest(op, scores.reshape(-1), flat, amount, "first"), 0)
    .view(mask.shape);
}

function structured(
  op: string,
  [mask, values]: [Tensor, Tensor],
  method: PruningMethod,
  amount: number,
  dim: number,
): Tensor {
  if (mask.ndim < 2) fail(op, `needs 2 dimensions or more, got ${showShape(mask.shape)}`, "Prune it unstructured");
  const slices = (x: Tensor): Tensor => x.movedim(dim, 0).flatten(1);
  return mask.indexFill(dim, lowest(op, method(slices(values)), slices(mask), amount, "last"), 0);
}

function checkScores(op: string, values: Tensor, scores: Tensor | null | undefined): Tensor {
  if (!scores) return values;
  if (sameShape(values.shape, scores.shape)) return scores.detach();
  return fail(op, `scores have shape ${showShape(scores.shape)}, the parameter ${showShape(values.shape)}`);
}

/**
 * Prunes the elements that are nearest to zero, or have the scores that are.
 * @returns the module
 * @throws TensorError for an amount that is neither a share in [0, 1) nor a whole number of what is left, and for a name that is
 *   none of a parameter's
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.l1_unstructured.html
 * @example
 * const layer = utils.prune.l1Unstructured(new Linear(4, 5), "weight", 0.3);
 * layer.getBuffer("weight_mask").sum().item(); // 14
 * utils.prune.remove(layer, "weight"); // the weight is a parameter again, with its zeros
 */
export function l1Unstructured<M extends Module>(
  module: M,
  name: string,
  amount: number,
  importanceScores?: Tensor | null,
): M {
  return prune("l1Unstructured", module, name, (mask, values) => {
    const scores = checkScores("l1Unstructured", values, importanceScores).abs();
    return unstructured("l1Unstructured", mask, scores, amount);
  });
}

/**
 * Prunes elements at random; like {@link l1Unstructured}.
 * @throws TensorError as that does
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.random_unstructured.html
 * @example
 * const layer = utils.prune.randomUnstructured(new Linear(4, 5), "weight", 5);
 * layer.getBuffer("weight_mask").sum().item(); // 15
 */
export function randomUnstructured<M extends Module>(module: M, name: string, amount: number): M {
  return prune("randomUnstructured", module, name, (mask, values) =>
    unstructured("randomUnstructured", mask, RandomUnstructured(values), amount),
  );
}

/**
 * Prunes whole slices along `dim`, those of the smallest n-norm; like {@link l1Unstructured}, but `amount` counts slices.
 * @throws TensorError for a parameter with less than two dimensions, too
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.ln_structured.html
 * @example
 * utils.prune.lnStructured(new Conv2d(3, 8, 3), "weight", 0.25, 2, 0); // two of the eight filters
 */
export function lnStructured<M extends Module>(
  module: M,
  name: string,
  amount: number,
  n: number,
  dim: number,
  importanceScores?: Tensor | null,
): M {
  const norms: PruningMethod = (slices) => lpNorm(slices, n, 1, false);
  return prune("lnStructured", module, name, (mask, values) =>
    structured("lnStructured", [mask, checkScores("lnStructured", values, importanceScores)], norms, amount, dim),
  );
}

/**
 * Prunes whole slices along `dim` at random; like {@link lnStructured}.
 * @throws TensorError as that does
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.random_structured.html
 * @example
 * const layer = utils.prune.randomStructured(new Linear(4, 5), "weight", 2, 0);
 * layer.getBuffer("weight_mask").sum().item(); // 12: two of the five rows are gone
 */
export function randomStructured<M extends Module>(module: M, name: string, amount: number, dim: number): M {
  const any: PruningMethod = (slices) => rand(slices.shape[0]!, { device: slices.device });
  return prune("randomStructured", module, name, (...state) => structured("randomStructured", state, any, amount, dim));
}

/**
 * Prunes where `mask` is zero, besides what is pruned already.
 * @throws TensorError for a mask of another shape than the parameter's
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.custom_from_mask.html
 * @example utils.prune.customFromMask(new Linear(2, 1), "weight", tensor([[0, 1]]));
 */
export function customFromMask<M extends Module>(module: M, name: string, mask: Tensor): M {
  return prune("customFromMask", module, name, (before, values) =>
    before.mul(checkScores("customFromMask", values, mask).to({ dtype: before.dtype, device: before.device })),
  );
}

/**
 * Prunes nothing yet: the module gets its mask.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.identity.html
 * @example utils.prune.identity(new Linear(2, 1), "weight").getBuffer("weight_mask"); // tensor([[1., 1.]])
 */
export function identity<M extends Module>(module: M, name: string): M {
  return prune("identity", module, name, (mask) => mask.clone());
}

/**
 * Prunes elements of several parameters, of `[module, name]`, as if they were one.
 * @throws TensorError as {@link l1Unstructured}
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.global_unstructured.html
 * @example
 * const layers = [new Linear(4, 8), new Linear(8, 2)];
 * const weights = layers.map((layer) => [layer, "weight"] as const);
 * utils.prune.globalUnstructured(weights, utils.prune.L1Unstructured, { amount: 0.2 });
 */
export function globalUnstructured(
  parameters: Iterable<readonly [module: Module, name: string]>,
  pruningMethod: PruningMethod,
  { amount }: { readonly amount: number },
): void {
  const places = Array.from(parameters, ([module, name]) => [module, fieldNamed(module, name)] as const);
  const masks = noGrad(() =>
    scope(() => {
      const states = places.map(([module, field]) => stateOf("globalUnstructured", module, field));
      const joined = (which: 0 | 1): Tensor => cat(states.map((state) => state[which].reshape(-1)));
      const all = unstructured("globalUnstructured", joined(0), pruningMethod(joined(1)), amount);
      const sizes = states.map(([mask]) => mask.numel());
      return all.split(sizes).map((part, i) => part.clone().view(states[i]![0].shape));
    }),
  );
  places.forEach(([module, field], i) => void applyMask(module, field, masks[i]!));
}

/**
 * Makes pruning last: the field is a parameter again, the one it was, with zeros where it was pruned.
 * @returns the module
 * @throws TensorError where the parameter is not pruned
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.remove.html
 */
export function remove<M extends Module>(module: M, name: string): M {
  const settle = ({ field, compute }: Recipe): Parameter => {
    const orig = fieldsOf(module)[derived(field, "orig")] as Parameter;
    noGrad(() => orig.copy_(compute(module)));
    return orig;
  };
  uninstall(["remove", "prune"], module, name, ["orig", "mask"], settle);
  return module;
}

/**
 * Whether something inside is pruned.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.is_pruned.html
 * @example utils.prune.isPruned(model); // false
 */
export function isPruned(module: Module): boolean {
  return module.modules().some((inner) => recipesOf(inner).some(({ op }) => op === "prune"));
}
