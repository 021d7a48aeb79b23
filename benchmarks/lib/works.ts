// The one table of what is timed: each work is run by a single child process per library and may hold several cases.
// A child reports seconds per call; `value` turns them into the unit of the row, so that no library counts otherwise.

export interface Case {
  readonly name: string;
  /** What the children need to set the case up: sizes, batch, learning rate. */
  readonly size: Readonly<Record<string, number>>;
  readonly unit: string;
  readonly higherIsBetter: boolean;
  readonly value: (seconds: number) => number;
  /** A variant that only makes sense for us: no peer is asked for it. */
  readonly oursOnly?: boolean;
  readonly note?: string;
}

const rate = (perCall: number, unit: string) => ({
  unit,
  higherIsBetter: true,
  value: (seconds: number) => perCall / seconds,
});
const micros = { unit: "µs", higherIsBetter: false, value: (seconds: number) => seconds * 1e6 };

const million4 = 4 * 1024 * 1024;
const bandwidth = (bytesPerElement: number) => rate((million4 * bytesPerElement) / 1e9, "GB/s");
const sgemm = (n: number): Case => ({ name: `sgemm-${n}`, size: { n }, ...rate((2 * n ** 3) / 1e9, "GFLOP/s") });

// Learning rates are tiny on purpose: the same batch comes again and again, and a converged model would time denormals.
const cnn = { batch: 64, learningRate: 1e-5 };

export const works: Readonly<Record<string, readonly Case[]>> = {
  "cnn-train": [
    { name: "cnn-train", size: cnn, ...rate(cnn.batch, "images/s") },
    {
      name: "cnn-train-plain-loop",
      size: cnn,
      ...rate(cnn.batch, "images/s"),
      oursOnly: true,
      note: "no scope: memory comes back through the garbage collector",
    },
  ],
  "cnn-inference": [{ name: "cnn-inference", size: cnn, ...rate(cnn.batch, "images/s") }],
  "mlp-train": [{ name: "mlp-train", size: { batch: 128, learningRate: 1e-5 }, ...rate(1, "steps/s") }],
  sgemm: [sgemm(256), sgemm(512), sgemm(1024)],
  elementwise: [
    { name: "elementwise-add", size: { n: million4 }, ...bandwidth(12) },
    { name: "elementwise-gelu", size: { n: million4 }, ...bandwidth(8) },
    { name: "elementwise-sum", size: { n: million4 }, ...bandwidth(4) },
    { name: "elementwise-softmax", size: { rows: 4096, columns: 1024 }, ...bandwidth(8) },
  ],
  "small-op": [
    { name: "small-op-plain", size: { n: 10, repeats: 2000 }, ...micros },
    { name: "small-op-recorded", size: { n: 10, repeats: 2000 }, ...micros },
  ],
};
