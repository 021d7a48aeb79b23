import "@dl/autograd";
import { setNumThreads } from "@dl/backend-cpu";
import * as dl from "@dl/tensor";
import { floats, integers } from "./works/tensors.ts";

setNumThreads(1);
for (const rows of [32, 64, 256, 4096]) {
  const x = floats(3, [rows, 1024]),
    y = floats(4, [rows, 1024]),
    picks = integers(6, [rows, 1024], 1024);
  const calls: Record<string, () => any> = {
    scatter_: () => x.scatter_(1, picks, y),
    scatterAdd_: () => x.scatterAdd_(1, picks, y),
    gather: () => dl.gather(y, 1, picks).dispose(),
    scatter: () => dl.scatter(x, 1, picks, y).dispose(),
    scatter2: () => dl.scatter(x, 1, picks, 2).dispose(),
  };
  const out: any = {};
  const q = Math.max(1, (4096 / rows) | 0);
  for (let r = 0; r < 11; r++)
    for (const k in calls) {
      const t = performance.now();
      for (let i = 0; i < q; i++) dl.noGrad(() => calls[k]!());
      (out[k] ??= []).push((((performance.now() - t) / q) * 1e6) / (rows * 1024));
    }
  console.log(
    rows,
    Object.entries(out)
      .map(([k, v]: any) => k + " " + v.sort((a: number, b: number) => a - b)[5].toFixed(3) + " ns")
      .join("  "),
  );
}
process.exit(0);
