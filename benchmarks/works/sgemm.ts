import { multiplyAddsPerSecond } from "../lib/limit.ts";
import { attempt, measure, report, type Spec, timed } from "../lib/timing.ts";
import { floats } from "./tensors.ts";

/** A factor of that shape; where it comes transposed, a view of a matrix that lies the other way round. */
const factor = (seed: number, rows: number, columns: number, turned: number) =>
  turned ? floats(seed, [columns, rows]).t() : floats(seed, [rows, columns]);

function product(size: Readonly<Record<string, number>>): () => void {
  const [m, k, n] = [size["m"]!, size["k"]!, size["n"]!];
  const [a, b] = [factor(1, m, k, size["tA"]!), factor(2, k, n, size["tB"]!)];
  return () => a.matmul(b).dispose();
}

export async function run(spec: Spec): Promise<void> {
  for (const { name, size } of spec.cases) {
    const call = product(size);
    if (!name.endsWith("-share")) {
      await measure(spec, name, call);
      continue;
    }
    await attempt(spec, name, async () => {
      // Before and after: what neighbours leave of a core changes within seconds.
      const before = multiplyAddsPerSecond();
      const { amount, ...rest } = await timed(spec, call);
      const limit = ((before + multiplyAddsPerSecond()) / 2) * spec.threads;
      const least = (2 * size["m"]! * size["k"]! * size["n"]!) / limit;
      const note = `the limit is ${(limit / 1e9).toFixed(1)} GFLOP/s`;
      report({ case: name, amount: amount / least, ...rest, note });
    });
  }
}
