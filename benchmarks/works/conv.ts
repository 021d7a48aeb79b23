import * as nn from "@dl/nn";
import { noGrad, scope, type Tensor } from "@dl/tensor";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { floats, touch } from "./tensors.ts";

const { functional: F } = nn;
type Size = Readonly<Record<string, number>>;

const plain = [F.conv1d, F.conv2d, F.conv3d];
const transposed = [F.convTranspose1d, F.convTranspose2d, F.convTranspose3d];

interface Inputs {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
}

function inputsOf(size: Size): Inputs {
  const space = (extent: number): number[] => new Array<number>(size["dims"]!).fill(extent);
  const channels = size["transposed"]
    ? [size["from"]!, size["to"]! / size["groups"]!]
    : [size["to"]!, size["from"]! / size["groups"]!];
  return {
    x: floats(3, [size["batch"]!, size["from"]!, ...space(size["length"]!)]),
    weight: floats(4, [...channels, ...space(size["kernel"]!)], 0.1),
    bias: floats(5, [size["to"]!], 0.1),
  };
}

function convolve(size: Size, { x, weight, bias }: Inputs): Tensor {
  const options = {
    bias,
    stride: size["stride"]!,
    padding: size["padding"]!,
    dilation: size["dilation"]!,
    groups: size["groups"]!,
  };
  const convolution = (size["transposed"] ? transposed : plain)[size["dims"]! - 1]!;
  return convolution(x, weight, options);
}

function forward(size: Size, inputs: Inputs): () => void {
  return () => scope(() => noGrad(() => touch(convolve(size, inputs))));
}

/** From a gradient that is there already, as inside a network. */
function forwardBackward(size: Size, inputs: Inputs): () => void {
  const watched = [...(size["inner"] ? [inputs.x] : []), inputs.weight, inputs.bias];
  for (const tensor of watched) tensor.requiresGrad_();
  const gradient = scope(() => floats(6, noGrad(() => convolve(size, inputs)).shape));
  return () => {
    for (const tensor of watched) {
      tensor.grad?.dispose();
      tensor.grad = null;
    }
    scope(() => {
      const y = convolve(size, inputs);
      touch(y);
      y.backward(gradient);
    });
  };
}

export async function run(spec: Spec): Promise<void> {
  for (const { name, size } of spec.cases) {
    await attempt(spec, name, async () => {
      const inputs = inputsOf(size);
      await measure(spec, name, (name.endsWith("-train") ? forwardBackward : forward)(size, inputs));
    });
  }
}
