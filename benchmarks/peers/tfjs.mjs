// TensorFlow.js on the works of lib/works.ts: `cpu` or `wasm`. Its layout is NHWC, the only one that its kernels take here.
import { createRequire } from "node:module";
import path from "node:path";
import { batchOf, uniform } from "../lib/data.ts";
import { measure, readSpec } from "../lib/timing.ts";

const backend = process.argv[2];
process.argv.splice(2, 1);
const spec = readSpec();
const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs"); // tfjs-core alone registers no gradients in Node
if (backend === "wasm") {
  const wasm = require("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(`${path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"))}/dist/`);
}
if (!(await tf.setBackend(backend))) throw new Error(`the ${backend} backend did not start`);
await tf.ready();

const kept = (make) => () => make().dispose();

function cnn() {
  const [w1, w2] = [uniform(1600, 11, 0.2), uniform(51200, 12, 0.025)];
  const p = {
    w1: tf.variable(tf.tensor4d(w1, [5, 5, 1, 64])),
    b1: tf.variable(tf.zeros([64])),
    w2: tf.variable(tf.tensor4d(w2, [5, 5, 64, 32])),
    b2: tf.variable(tf.zeros([32])),
    w3: tf.variable(tf.tensor2d(uniform(5120, 13, 0.044), [512, 10])),
    b3: tf.variable(tf.zeros([10])),
  };
  const layer = (x, w, b) => tf.maxPool(tf.relu(tf.add(tf.conv2d(x, w, 1, "valid"), b)), 2, 2, "valid");
  const forward = (x) => {
    const h = layer(layer(x, p.w1, p.b1), p.w2, p.b2);
    return tf.add(tf.matMul(tf.reshape(h, [-1, 512]), p.w3), p.b3);
  };
  return { forward, variables: Object.values(p) };
}

function mlp() {
  const sizes = [784, 512, 512, 10];
  const layers = sizes.slice(1).map((out, i) => ({
    w: tf.variable(tf.tensor2d(uniform(sizes[i] * out, 30 + i, 1 / Math.sqrt(sizes[i])), [sizes[i], out])),
    b: tf.variable(tf.zeros([out])),
  }));
  const forward = (x) =>
    layers.reduce((h, { w, b }, i) => {
      const y = tf.add(tf.matMul(h, w), b);
      return i < layers.length - 1 ? tf.relu(y) : y;
    }, x);
  return { forward, variables: layers.flatMap(({ w, b }) => [w, b]) };
}

/** One training step over a batch of `size`; the loss is read, as a loop with a progress bar does. */
function trainer({ forward, variables }, shape, learningRate, size) {
  const { pixels, digits } = batchOf(size);
  const x = tf.tensor(pixels, [size, ...shape]);
  const y = tf.cast(tf.oneHot(tf.tensor1d(digits, "int32"), 10), "float32");
  const optimizer = tf.train.sgd(learningRate);
  let loss = 0;
  const step = () => {
    const cost = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(y, forward(x)), true, variables);
    loss = cost.dataSync()[0];
    cost.dispose();
  };
  return { step, loss: () => loss };
}

async function train({ name, size: { batch, learningRate } }, net, shape) {
  // The cpu backend takes half a minute for one step of the CNN: warm up on four images, and be brief when asked to be.
  const slow = backend === "cpu" && name.startsWith("cnn-train");
  const size = slow && spec.quick ? 8 : batch;
  const { step, loss } = trainer(net, shape, learningRate, size);
  const options = slow ? { warmUp: trainer(net, shape, learningRate, 4).step } : {};
  if (size !== batch) options.note = `${size} images a step`;
  await measure(spec, name, step, { ...options, per: size / batch, loss });
}

async function infer({ name, size: { batch } }) {
  const { forward } = cnn();
  const x = tf.tensor(batchOf(batch).pixels, [batch, 28, 28, 1]);
  const read = () => {
    const y = tf.tidy(() => forward(x));
    y.dataSync();
    y.dispose();
  };
  await measure(spec, name, read);
}

async function sgemm({ name, size: { m, k, n } }) {
  const [a, b] = [tf.tensor2d(uniform(m * k, 1, 1), [m, k]), tf.tensor2d(uniform(k * n, 2, 1), [k, n])];
  await measure(
    spec,
    name,
    kept(() => tf.matMul(a, b)),
  );
}

async function elementwise() {
  const n = 4 * 1024 * 1024;
  const [a, b] = [3, 4].map((seed) => tf.tensor1d(uniform(n, seed, 4)));
  const rows = tf.reshape(a, [4096, 1024]);
  const gelu = () => tf.tidy(() => tf.mul(tf.mul(a, 0.5), tf.add(tf.erf(tf.mul(a, Math.SQRT1_2)), 1)));
  await measure(
    spec,
    "elementwise-add",
    kept(() => tf.add(a, b)),
  );
  await measure(
    spec,
    "elementwise-exp",
    kept(() => tf.exp(a)),
  );
  await measure(
    spec,
    "elementwise-tanh",
    kept(() => tf.tanh(a)),
  );
  await measure(spec, "elementwise-gelu", kept(gelu), { note: "composed of five ops: it has no gelu" });
  await measure(
    spec,
    "elementwise-sum",
    kept(() => tf.sum(a)),
  );
  await measure(
    spec,
    "elementwise-softmax",
    kept(() => tf.softmax(rows)),
  );
}

async function smallOp() {
  const [a, b] = [50, 51].map((seed) => tf.tensor1d(uniform(10, seed, 1)));
  const watched = tf.variable(a);
  const per = 2000;
  const plain = () => {
    for (let i = 0; i < per; i++) tf.add(a, b).dispose();
  };
  const recorded = () => {
    let seconds = 0;
    tf.tidy(() => {
      tf.variableGrads(() => {
        const start = performance.now();
        let sum = watched;
        for (let i = 0; i < per; i++) sum = tf.add(sum, b);
        seconds = (performance.now() - start) / 1000;
        return tf.sum(sum);
      }, [watched]);
    });
    return seconds;
  };
  await measure(spec, "small-op-plain", plain, { per });
  await measure(spec, "small-op-recorded", recorded, { per });
}

/** Works whose cases differ in size alone. */
const perCase = {
  "cnn-train": (item) => train(item, cnn(), [28, 28, 1]),
  "cnn-inference": infer,
  "mlp-train": (item) => train(item, mlp(), [784]),
  sgemm,
};
const whole = { elementwise, "small-op": smallOp };
for (const item of spec.work in perCase ? spec.cases : []) await perCase[spec.work](item);
await whole[spec.work]?.();
process.exit(0);
