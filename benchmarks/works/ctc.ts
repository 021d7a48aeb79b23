import * as nn from "@dl/nn";
import { scope } from "@dl/tensor";
import { ctc } from "../lib/shapes.ts";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { floats, integers, touch } from "./tensors.ts";

const { functional: F } = nn;

/** Forward and backward from scores. */
export async function run(spec: Spec): Promise<void> {
  for (const [shape, { steps, batch, classes, labels }] of Object.entries(ctc)) {
    const name = `ctc-${shape}`;
    await attempt(spec, name, () => {
      const scores = floats(3, [steps, batch, classes]).requiresGrad_();
      const targets = integers(4, [batch, labels], classes - 1).add(1);
      const lengths = [steps, labels].map((length) => new Array<number>(batch).fill(length)) as [number[], number[]];
      return measure(spec, name, () => {
        scope(() => F.ctcLoss(F.logSoftmax(scores, 2), targets, ...lengths).backward());
        touch(scores.grad);
        scores.grad = null;
      });
    });
  }
}
