import { Parameter } from "@dl/nn";
import * as optim from "@dl/optim";
import { scope, type Tensor } from "@dl/tensor";
import { optimizers } from "../lib/shapes.ts";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { floats, touch } from "./tensors.ts";

/** The MLP's parameters, by layers. */
const shapes = [[512, 784], [512], [512, 512], [512], [10, 512], [10]];

function parameters(): Tensor[] {
  return shapes.map((shape, i) => {
    const parameter = new Parameter(floats(i, shape));
    parameter.grad = floats(i + 10, shape, 0.1);
    return parameter;
  });
}

/** Steps alone, of the optimizers by their names in both libraries. */
export async function run(spec: Spec): Promise<void> {
  for (const optimizer of optimizers) {
    const name = `optimizers-${optimizer}`;
    await attempt(spec, name, () => {
      const own = parameters();
      const { [optimizer]: Class } = optim;
      const stepper = new (Class as new (params: Tensor[], options: { lr: number }) => optim.Optimizer)(own, {
        lr: 1e-6,
      });
      return measure(spec, name, () => {
        scope(() => void stepper.step());
        for (const parameter of own) touch(parameter);
      });
    });
  }
}
