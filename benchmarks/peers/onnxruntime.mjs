// ONNX Runtime on the inference of lib/works.ts: `node`, its native build, or `web`, its WebAssembly. It trains nothing.
import { batchOf, uniform } from "../lib/data.ts";
import { measure, readSpec } from "../lib/timing.ts";
import { constant, model, node, value } from "./onnx.mjs";

const kind = process.argv[2];
process.argv.splice(2, 1);
const spec = readSpec();
const module = await import(`onnxruntime-${kind}`);
const ort = module.InferenceSession ? module : module.default;
if (kind === "web") ort.env.wasm.numThreads = spec.threads;

const cnn = (batch) =>
  model({
    nodes: [
      node("Conv", ["x", "w1", "b1"], "c1", { kernel_shape: [5, 5] }),
      node("Relu", ["c1"], "r1"),
      node("MaxPool", ["r1"], "p1", { kernel_shape: [2, 2], strides: [2, 2] }),
      node("Conv", ["p1", "w2", "b2"], "c2", { kernel_shape: [5, 5] }),
      node("Relu", ["c2"], "r2"),
      node("MaxPool", ["r2"], "p2", { kernel_shape: [2, 2], strides: [2, 2] }),
      node("Flatten", ["p2"], "f"),
      node("Gemm", ["f", "w3", "b3"], "y"),
    ],
    constants: [
      constant("w1", [64, 1, 5, 5], uniform(1600, 11, 0.2)),
      constant("b1", [64], new Float32Array(64)),
      constant("w2", [32, 64, 5, 5], uniform(51200, 12, 0.025)),
      constant("b2", [32], new Float32Array(32)),
      constant("w3", [512, 10], uniform(5120, 13, 0.044)),
      constant("b3", [10], new Float32Array(10)),
    ],
    input: value("x", [batch, 1, 28, 28]),
    output: value("y", [batch, 10]),
  });

const settings = {
  executionProviders: [kind === "node" ? "cpu" : "wasm"],
  intraOpNumThreads: spec.threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: "all",
  logSeverityLevel: 3,
};

async function infer() {
  for (const { name, size } of spec.cases) {
    const session = await ort.InferenceSession.create(cnn(size.batch), settings);
    const x = new ort.Tensor("float32", batchOf(size.batch).pixels, [size.batch, 1, 28, 28]);
    const call = async () => {
      await session.run({ x });
    };
    await measure(spec, name, call);
  }
}

await { "cnn-inference": infer }[spec.work]();
process.exit(0);
