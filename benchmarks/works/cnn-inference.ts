import { noGrad, scope } from "@dl/tensor";
import { measure, type Spec, sizeOf } from "../lib/timing.ts";
import { cnn, tensorsOf } from "./training.ts";

export async function run(spec: Spec): Promise<void> {
  const name = "cnn-inference";
  const { images } = tensorsOf(sizeOf(spec, name)["batch"]!, [1, 28, 28]);
  const model = cnn().eval();
  const infer = (): void => {
    scope(() => {
      noGrad(() => model(images));
    });
  };
  await measure(spec, name, infer);
}
