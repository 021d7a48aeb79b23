import * as nn from "@dl/nn";
import type { Tensor } from "@dl/tensor";

/** Two convolutions and a linear layer, each behind a ReLU, for digits of 28 × 28. */
export class Net extends nn.Module<[x: Tensor], Tensor> {
  layer1 = new nn.Sequential(new nn.Conv2d(1, 64, 5), new nn.ReLU({ inplace: true }), new nn.MaxPool2d(2));
  layer2 = new nn.Sequential(new nn.Conv2d(64, 32, 5), new nn.ReLU({ inplace: true }), new nn.MaxPool2d(2));
  layer3 = new nn.Sequential(new nn.Linear(512, 10), new nn.ReLU({ inplace: true }));

  forward(x: Tensor): Tensor {
    const features = this.layer2(this.layer1(x));
    return this.layer3(features.view(features.shape[0]!, -1));
  }
}
