/** Programs as processes: they end by themselves, and threads of the user's own compute what the main thread does. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const docs = fileURLToPath(new URL("..", import.meta.url));
const sources = ["--import", "tsx", "--conditions=@dl/source"];
/** For a machine that is busy with other tests. */
const long = 120_000;

async function run(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...sources, "--input-type=module", "-e", program], {
    cwd: docs,
    timeout: long,
  });
  return stdout.trim();
}

const post = 'require("node:worker_threads").parentPort.postMessage';

/** Trains on as many threads as are given, and gives the last loss to `tell`. */
const training = (threads: number, tell: string): string => `
  await import("@dl/autograd");
  const { setNumThreads } = await import("@dl/backend-cpu");
  const nn = await import("@dl/nn");
  const { SGD } = await import("@dl/optim");
  const { manualSeed, randn } = await import("@dl/tensor");
  setNumThreads(${threads});
  manualSeed(0);
  const model = new nn.Sequential(new nn.Conv2d(1, 8, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(8 * 26 * 26, 4));
  const optimizer = new SGD(model.parameters(), { lr: 0.01 });
  const x = randn(16, 1, 28, 28);
  let loss;
  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad();
    loss = model(x).square().mean();
    loss.backward();
    optimizer.step();
  }
  ${tell}(loss.item());
`;

test(
  "a program ends by itself, and says the same on one thread, two and four",
  async () => {
    const losses = await Promise.all([1, 2, 4].map((threads) => run(training(threads, "console.log"))));
    expect(Number(losses[0])).toBeGreaterThan(0);
    expect(losses).toEqual([losses[0], losses[0], losses[0]]);
  },
  long,
);

test(
  "workers of the user's own train as the main thread does, side by side",
  async () => {
    // In workers of Node 20 tsx must be called for.
    const body = `import("tsx/esm/api").then(async ({ register }) => {register();${training(2, post)}})`;
    const answers = await run(`
      import { once } from "node:events";
      import { Worker } from "node:worker_threads";
      const workers = [1, 2].map(() => new Worker(${JSON.stringify(body)}, { eval: true, execArgv: ["--conditions=@dl/source"] }));
      const answers = await Promise.all(workers.map((worker) => once(worker, "message")));
      ${training(2, "answers.push")}
      console.log(new Set(answers.flat()).size, answers.flat().length);
    `);
    expect(answers).toBe("1 3");
  },
  long,
);
