import { type Arguments, fail, noGrad, randn, readArguments, scope, type Tensor } from "@dl/tensor";
import { derived, fieldNamed, fieldsOf, install, parameterAt, recipeOf, uninstall } from "./computed.ts";
import { normalize } from "./functional/distance.ts";
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./layers/convolution.ts";
import type { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

const names = ["name", "nPowerIterations", "eps", "dim"] as const;
export type SpectralNormArguments = [name?: string, nPowerIterations?: number, eps?: number, dim?: number | null];

/** The weight as a matrix whose rows are its slices along `dim`. */
const matrixOf = (weight: Tensor, dim: number): Tensor => weight.movedim(dim, 0).flatten(1);

const isTranspose = (module: Module): boolean =>
  [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some((kind) => module instanceof kind);

/**
 * Divides a parameter by its largest singular value before each call, so that the layer stretches nothing: used for
 * discriminators of GANs. The value is found by `nPowerIterations` rounds of power iteration for each call in training mode,
 * which go on from the vectors `weight_u` and `weight_v`, buffers. What is learnt is the parameter `weight_orig`.
 *
 * `dim` numbers the outputs: 0, or 1 for transposed convolutions.
 * @returns the module
 * @throws TensorError for a name that is none of a parameter's, a second time, for no iterations, and for a lazy layer that has
 *   no size yet
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.spectral_norm.html
 * @see https://arxiv.org/abs/1802.05957 (Miyato et al., 2018)
 * @example
 * const layer = utils.spectralNorm(new Linear(20, 40), { nPowerIterations: 2 });
 * layer(rand(3, 20)).shape; // [3, 40]
 * Object.keys(layer.stateDict()); // ["bias", "weight_orig", "weight_u", "weight_v"]
 */
export function spectralNorm<M extends Module>(module: M, ...args: Arguments<typeof names, SpectralNormArguments>): M {
  const call = { name: "spectralNorm", names };
  const [name = "weight", rounds = 1, eps = 1e-12, dim = null] = readArguments<SpectralNormArguments>(call, args);
  if (!(Number.isInteger(rounds) && rounds > 0)) {
    fail("spectralNorm", `nPowerIterations must be a whole number above 0, got ${rounds}`);
  }
  const field = fieldNamed(module, name);
  if (recipeOf("spectralNorm", module, field)) {
    fail("spectralNorm", `${name} has one already`, "Call removeSpectralNorm first");
  }
  const weight = parameterAt("spectralNorm", module, field);
  const outputs = dim ?? (isTranspose(module) ? 1 : 0);
  const fields = { orig: derived(field, "orig"), u: derived(field, "u"), v: derived(field, "v") };
  Reflect.deleteProperty(module, field);
  module.registerParameter(fields.orig, weight);
  fieldsOf(module)[field] = weight.detach();
  const { dtype, device } = weight;
  const [rows, columns] = matrixOf(weight.detach(), outputs).shape as [number, number];
  for (const [key, size] of [
    ["u", rows],
    ["v", columns],
  ] as const) {
    const start = noGrad(() => normalize(randn(size, { dtype: dtype as "float32", device }), { dim: 0, eps }));
    module.registerBuffer(fields[key], start);
  }
  const compute = (owner: Module): Tensor => {
    const { [fields.orig]: orig, [fields.u]: u, [fields.v]: v } = fieldsOf(owner) as Record<string, Tensor>;
    return normed(orig!, [u!, v!], outputs, owner.training ? rounds : 0, eps);
  };
  install(module, { op: "spectralNorm", field, compute });
  return module;
}

/** W / (uᵀ W v), after some rounds in which u and v come nearer to the first singular vectors. */
function normed(weight: Tensor, [u, v]: [Tensor, Tensor], dim: number, rounds: number, eps: number): Tensor {
  const matrix = matrixOf(weight, dim);
  noGrad(() =>
    scope(() => {
      for (let i = 0; i < rounds; i++) {
        v.copy_(normalize(matrix.t().mv(u), { dim: 0, eps }));
        u.copy_(normalize(matrix.mv(v), { dim: 0, eps }));
      }
    }),
  );
  // Copies, since the next call changes the vectors, and the gradient of this one may come after it.
  const [left, right] = rounds > 0 ? [u.clone(), v.clone()] : [u, v];
  return weight.div(left.dot(matrix.mv(right)));
}

/**
 * Ends {@link spectralNorm}: the field is a parameter again, with the values it had.
 * @returns the module
 * @throws TensorError where there is no spectral norm of that name
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.remove_spectral_norm.html
 * @example
 * const layer = utils.spectralNorm(new Linear(4, 2));
 * utils.removeSpectralNorm(layer).namedParameters().map(([name]) => name); // ["bias", "weight"]
 */
export function removeSpectralNorm<M extends Module>(module: M, name: string = "weight"): M {
  const settle = ({ compute }: { compute(module: Module): Tensor }): Parameter => {
    const { training } = module;
    module.training = false;
    try {
      return new Parameter(noGrad(() => compute(module)));
    } finally {
      module.training = training;
    }
  };
  uninstall(["removeSpectralNorm", "spectralNorm"], module, name, ["orig", "u", "v"], settle);
  return module;
}
