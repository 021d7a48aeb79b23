import { noGrad, scope } from "@dl/tensor";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { touch } from "./tensors.ts";
import { cnn, tensorsOf } from "./training.ts";

export async function run(spec: Spec): Promise<void> {
  const model = cnn().eval();
  for (const { name, size } of spec.cases) {
    await attempt(spec, name, async () => {
      const { images } = tensorsOf(size["batch"]!, [1, 28, 28]);
      await measure(spec, name, () => scope(() => noGrad(() => touch(model(images)))));
    });
  }
}
