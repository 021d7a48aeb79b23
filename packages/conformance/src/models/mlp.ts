import * as nn from "@dl/nn";
import type { Tensor } from "@dl/tensor";

/** A regression with batch norm: sixteen numbers in, one out. */
export class MLP extends nn.Module<[x: Tensor], Tensor> {
  net = new nn.Sequential(
    new nn.Linear(16, 32),
    new nn.BatchNorm1d(32),
    new nn.ReLU(),
    new nn.Linear(32, 16),
    new nn.Tanh(),
    new nn.Dropout(0),
    new nn.Linear(16, 1),
  );

  forward(x: Tensor): Tensor {
    return this.net(x).squeeze(-1);
  }
}
