// The one table of what is timed: each work is run by a single child process per library and may hold several cases.
// A child reports seconds per call; `value` turns them into the unit of the row, so that no library counts otherwise.
import { type Case, everyone, megabytes, micros, millis, rate, share, torch, trainers } from "./case.ts";
import { convolutions, ctc, elementwise, optimizers } from "./shapes.ts";

// Learning rates are tiny on purpose: the same batch comes again and again, and a converged model would time denormals.
const training = (batch: number) => ({ batch, learningRate: 1e-5 });
const images = (name: string, batch: number, peers: readonly string[]): Case => ({
  name,
  size: training(batch),
  ...rate(batch, "images/s"),
  peers,
});

interface Product {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** 1 where that factor comes transposed. */
  readonly tA?: number;
  readonly tB?: number;
}

const product = (name: string, { m, k, n, tA = 0, tB = 0 }: Product, peers: readonly string[] = torch): Case => ({
  name: `sgemm-${name}`,
  size: { m, k, n, tA, tB },
  ...rate((2 * m * k * n) / 1e9, "GFLOP/s"),
  peers,
});
const square = (n: number): Case => product(String(n), { m: n, k: n, n }, trainers);
const turned = (letters: string, tA: number, tB: number): Case =>
  product(`512-${letters}`, { m: 512, k: 512, n: 512, tA, tB });

/** The same product as a share of what one thread's 128-bit multiply-adds allow, times the threads. */
const ofTheLimit = (n: number): Case => ({
  name: `sgemm-${n}-share`,
  size: { m: n, k: n, n, tA: 0, tB: 0 },
  ...share("128-bit limit"),
  peers: [],
});

const million4 = 4 * 1024 * 1024;
const bandwidth = (name: string, bytes: number): Pick<Case, "name" | "size" | "unit" | "higherIsBetter" | "value"> => ({
  name,
  size: { n: million4 },
  ...rate((million4 * bytes) / 1e9, "GB/s"),
});

const smallOp = (part: string, peers: readonly string[]): Case => ({
  name: `small-op-${part}`,
  size: { n: 10 },
  ...micros,
  peers,
});

export const works: Readonly<Record<string, readonly Case[]>> = {
  "cnn-train": [
    images("cnn-train", 64, trainers),
    { ...images("cnn-train-256", 256, trainers), tooSlow: ["jax-js", "tfjs-cpu"] },
    {
      ...images("cnn-train-plain-loop", 64, []),
      note: "no scope: memory comes back through the garbage collector",
    },
  ],
  "cnn-inference": [
    images("cnn-inference-1", 1, everyone),
    images("cnn-inference", 64, everyone),
    images("cnn-inference-256", 256, everyone),
  ],
  "mlp-train": [{ name: "mlp-train", size: training(128), ...rate(1, "steps/s"), peers: trainers }],
  "gpt-train": [
    {
      name: "gpt-train",
      size: { width: 256, heads: 8, tokens: 128, batch: 8, learningRate: 1e-6 },
      ...millis,
      peers: torch,
    },
  ],
  sgemm: [
    ...[256, 512, 1024].map(square),
    { ...square(2048), tooSlow: ["tfjs-cpu"] },
    turned("nt", 0, 1),
    turned("tn", 1, 0),
    turned("tt", 1, 1),
    product("333", { m: 333, k: 333, n: 333 }),
    product("1000x77x513", { m: 1000, k: 77, n: 513 }),
    ...[256, 512, 1024, 2048].map(ofTheLimit),
  ],
  elementwise: elementwise.map(([name, bytes, peers = torch]) => ({
    ...bandwidth(`elementwise-${name}`, bytes),
    peers,
  })),
  chains: [
    { ...bandwidth("chains-bias-gelu", 8), peers: torch },
    { ...bandwidth("chains-residual-dropout", 12), peers: torch },
    { ...bandwidth("chains-adam", 28), peers: torch, note: "one parameter of 4 M floats, update alone" },
  ],
  optimizers: optimizers.map((name) => ({
    name: `optimizers-${name}`,
    size: {},
    ...micros,
    peers: torch,
    note: "a step of the MLP's 668 thousand parameters",
  })),
  ctc: Object.entries(ctc).map(([name, size]) => ({
    name: `ctc-${name}`,
    size,
    ...millis,
    peers: torch,
    note: "forward and backward",
  })),
  "small-op": [smallOp("plain", trainers), smallOp("recorded", trainers), smallOp("backward", torch)],
  conv: Object.entries(convolutions).flatMap(([name, size]) => [
    { name: `conv-${name}`, size, ...millis, peers: torch },
    { name: `conv-${name}-train`, size, ...millis, peers: torch, note: "forward and backward" },
  ]),
  start: [
    {
      name: "start",
      size: { ...training(64), steps: 1 },
      ...millis,
      peers: torch,
      note: "a new process, from its start to the end of the first training step and of itself",
    },
  ],
  "busy-core": [
    { ...images("busy-core-quiet", 64, torch), note: "before the other process starts" },
    { ...images("busy-core", 64, torch), note: "beside a process that keeps one core busy" },
    { name: "busy-core-share", size: training(64), ...share("the quiet speed"), peers: torch },
  ],
  memory: [64, 256].flatMap((batch) => [
    {
      name: `memory-resident-${batch}`,
      size: { ...training(batch), steps: 5 },
      ...megabytes,
      peers: torch,
      note: "the most that the whole process held, after 5 training steps",
    },
    {
      name: `memory-tensors-${batch}`,
      size: { ...training(batch), steps: 5 },
      ...megabytes,
      peers: [],
      note: "the peak of memory()",
    },
  ]),
};
