import { fail, showValue } from "@dl/tensor";
import { showTransform, Transform, type TransformFunction } from "./transform.ts";

/** One or more transforms; the first takes `In`, the last gives `Out`. */
export type TransformChain<In, Out> =
  | readonly [TransformFunction<In, Out>]
  | readonly [TransformFunction<In, unknown>, ...TransformFunction<never, unknown>[], TransformFunction<never, Out>];

/**
 * Applies one transform after the other. Whatever takes one argument may be in the list: transforms, functions, modules.
 *
 * @throws TensorError for what is no list of these
 * @example
 * const transform = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [1.0])]);
 * transform(new RawImage(Uint8Array.of(0, 255), 1, 2)); // tensor([[[-0.5000,  0.5000]]])
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Compose.html
 */
export class Compose<In, Out> extends Transform<In, Out> {
  readonly transforms: readonly TransformFunction<never, unknown>[];

  constructor(transforms: TransformChain<In, Out>) {
    super();
    if (!Array.isArray(transforms) || !transforms.every((transform) => typeof transform === "function")) {
      fail("Compose", `got ${showValue(transforms)}, needs a list of transforms`, "Write new Compose([a, b])");
    }
    this.transforms = transforms as readonly TransformFunction<never, unknown>[];
  }

  forward(input: In): Out {
    return this.transforms.reduce<unknown>((value, transform) => transform(value as never), input) as Out;
  }

  override toString(): string {
    const lines = this.transforms.map((transform) => `    ${showTransform(transform)}\n`);
    return `Compose(\n${lines.join("")})`;
  }
}

/**
 * Any function as a transform.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Lambda.html
 */
export class Lambda<In, Out> extends Transform<In, Out> {
  readonly lambda: TransformFunction<In, Out>;

  constructor(lambda: TransformFunction<In, Out>) {
    super();
    if (typeof lambda !== "function") fail("Lambda", `got ${showValue(lambda)}, needs a function`);
    this.lambda = lambda;
  }

  forward(input: In): Out {
    return this.lambda(input);
  }
}
