/** Rows 21 to 25: modules and what they consist of. */
import * as nn from "@dl/nn";
import { manualSeed, randn, type Tensor } from "@dl/tensor";
import { messageOf } from "./tensors.ts";

/**
 * The notebook's own network. Its last ReLU is a trap: logits below zero then have no gradient, for ever, and PyTorch
 * too reaches only 40 to 80 % with it. `new Net(false)` leaves it out and reaches 98 %.
 */
class Net extends nn.Module {
  layer1 = new nn.Sequential(new nn.Conv2d(1, 64, 5), new nn.ReLU({ inplace: true }), new nn.MaxPool2d(2));
  layer2 = new nn.Sequential(new nn.Conv2d(64, 32, 5), new nn.ReLU({ inplace: true }), new nn.MaxPool2d(2));
  layer3: nn.Sequential;

  constructor(lastReLU = true) {
    super();
    const head = new nn.Linear(512, 10);
    this.layer3 = lastReLU ? new nn.Sequential(head, new nn.ReLU({ inplace: true })) : new nn.Sequential(head);
  }

  override forward(x: Tensor): Tensor {
    const features = this.layer2(this.layer1(x));
    return this.layer3(features.view(x.shape[0]!, -1));
  }
}

/** 25. A function that returns a model. */
export function mlp(inFeatures: number, hidden: number, outFeatures: number): nn.Sequential {
  return new nn.Sequential(new nn.Linear(inFeatures, hidden), new nn.ReLU(), new nn.Linear(hidden, outFeatures));
}

export function models(print: (text: unknown) => void): void {
  manualSeed(0);
  // 21 and 22. A model is called like a function.
  const model = new Net();
  print(model(randn(2, 1, 28, 28)).shape);
  print(messageOf(() => new nn.Linear(500, 10)(randn(2, 512))));

  // 23. The direct children.
  for (const child of model.children()) print(child.toString());

  // 24. The model, then every nested module, depth first.
  for (const module of model.modules()) print(module.toString());

  print(mlp(4, 8, 2)(randn(3, 4)).shape);
}
