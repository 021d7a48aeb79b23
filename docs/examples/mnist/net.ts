import * as nn from "@dl/nn";
import type { Tensor } from "@dl/tensor";

/** Two convolutions and a linear layer: [N, 1, 28, 28] images to [N, 10] logits. */
export class Net extends nn.Module {
  layer1 = new nn.Sequential(new nn.Conv2d(1, 64, 5), new nn.ReLU({ inplace: true }), new nn.MaxPool2d(2));
  layer2 = new nn.Sequential(new nn.Conv2d(64, 32, 5), new nn.ReLU({ inplace: true }), new nn.MaxPool2d(2));
  layer3 = new nn.Sequential(new nn.Linear(512, 10));

  override forward(x: Tensor): Tensor {
    const features = this.layer2(this.layer1(x));
    return this.layer3(features.view(x.shape[0]!, -1));
  }
}
