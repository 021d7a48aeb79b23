// jax-js (its wasm backend) on the works of lib/works.ts. It is lazy: every result is awaited, or nothing would be timed.
import { batchOf, uniform } from "../lib/data.ts";
import { measure, readSpec } from "../lib/timing.ts";
import { installWorkers } from "./blob-worker.mjs";

const spec = readSpec();
if (spec.threads > 1) installWorkers(spec.threads);
const jax = await import("@jax-js/jax");
const { numpy: np, nn, lax, jit, grad, valueAndGrad, blockUntilReady, tree } = jax;
await jax.init("wasm");
jax.defaultDevice("wasm");

const array = (data, shape) => np.array(data, { shape });
const done = async (result) => {
  await result.blockUntilReady();
  result.dispose();
};

const cnnParameters = () => ({
  w1: array(uniform(1600, 11, 0.2), [64, 1, 5, 5]),
  b1: np.zeros([64, 1, 1]),
  w2: array(uniform(51200, 12, 0.025), [32, 64, 5, 5]),
  b2: np.zeros([32, 1, 1]),
  w3: array(uniform(5120, 13, 0.044), [512, 10]),
  b3: np.zeros([10]),
});
const pool = (x) => lax.reduceWindow(x, np.max, [2, 2], [2, 2]);
const layer = (x, w, b) => pool(nn.relu(lax.convGeneralDilated(x, w, [1, 1], "VALID").add(b)));
const cnn = (p, x) => {
  const h = layer(layer(x, p.w1, p.b1), p.w2, p.b2);
  return np.dot(h.reshape([-1, 512]), p.w3).add(p.b3);
};

function mlpParameters() {
  const sizes = [784, 512, 512, 10];
  return sizes.slice(1).map((out, i) => ({
    w: array(uniform(sizes[i] * out, 30 + i, 1 / Math.sqrt(sizes[i])), [sizes[i], out]),
    b: np.zeros([out]),
  }));
}
const mlp = (layers, x) =>
  layers.reduce((h, { w, b }, i) => {
    const y = np.dot(h, w).add(b);
    return i < layers.length - 1 ? nn.relu(y) : y;
  }, x);

/** Times a training step: forward, backward and SGD together under jit, its fastest form. */
async function train({ name, size: { batch, learningRate } }, forward, start, shape) {
  const { pixels, digits } = batchOf(batch);
  const oneHot = new Float32Array(batch * 10);
  digits.forEach((digit, i) => {
    oneHot[i * 10 + digit] = 1;
  });
  const [x, y] = [array(pixels, [batch, ...shape]), array(oneHot, [batch, 10])];
  const lossOf = (p, x, y) =>
    nn
      .logSoftmax(forward(p, x))
      .mul(y)
      .sum()
      .mul(-1 / batch);
  const step = jit((p, x, y) => {
    const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(p), x, y);
    return [loss, tree.map((value, gradient) => value.sub(gradient.mul(learningRate)), p, gradients)];
  });
  let parameters = start;
  let last = 0;
  const call = async () => {
    const [loss, next] = step(parameters, x.ref, y.ref);
    parameters = next;
    await blockUntilReady(parameters);
    last = (await loss.data())[0];
  };
  await measure(spec, name, call, { loss: () => last });
}

async function infer({ name, size: { batch } }) {
  const x = array(batchOf(batch).pixels, [batch, 1, 28, 28]);
  const parameters = cnnParameters();
  const forward = jit(cnn);
  await measure(spec, name, () => done(forward(tree.ref(parameters), x.ref)));
}

async function sgemm({ name, size: { m, k, n } }) {
  const [a, b] = [array(uniform(m * k, 1, 1), [m, k]), array(uniform(k * n, 2, 1), [k, n])];
  await blockUntilReady([a, b]);
  await measure(spec, name, () => done(np.matmul(a.ref, b.ref)));
}

async function elementwise() {
  const n = 4 * 1024 * 1024;
  const [a, b, rows] = [
    array(uniform(n, 3, 4), [n]),
    array(uniform(n, 4, 4), [n]),
    array(uniform(n, 3, 4), [4096, 1024]),
  ];
  await blockUntilReady([a, b, rows]);
  const gelu = jit((x) => nn.gelu(x, { approximate: false }));
  const softmax = jit((x) => nn.softmax(x));
  await measure(spec, "elementwise-add", () => done(a.ref.add(b.ref)));
  await measure(spec, "elementwise-exp", () => done(np.exp(a.ref)));
  await measure(spec, "elementwise-tanh", () => done(np.tanh(a.ref)));
  await measure(spec, "elementwise-gelu", () => done(gelu(a.ref)));
  await measure(spec, "elementwise-sum", () => done(np.sum(a.ref)));
  await measure(spec, "elementwise-softmax", () => done(softmax(rows.ref)));
}

async function smallOp() {
  const [a, b] = [array(uniform(10, 50, 1), [10]), array(uniform(10, 51, 1), [10])];
  await blockUntilReady([a, b]);
  const per = 100;
  const plain = async () => {
    for (let i = 0; i < per; i++) await done(a.ref.add(b.ref));
  };
  const chain = (x) => {
    let sum = x;
    for (let i = 0; i < per; i++) sum = sum.add(b.ref);
    return sum.sum();
  };
  await measure(spec, "small-op-plain", plain, { per });
  const note = "recording and backward together: they cannot be told apart";
  await measure(spec, "small-op-recorded", () => done(grad(chain)(a.ref)), { per, note });
}

/** Works whose cases differ in size alone. */
const perCase = {
  "cnn-train": (item) => train(item, cnn, cnnParameters(), [1, 28, 28]),
  "cnn-inference": infer,
  "mlp-train": (item) => train(item, mlp, mlpParameters(), [784]),
  sgemm,
};
const whole = { elementwise, "small-op": smallOp };
for (const item of spec.work in perCase ? spec.cases : []) await perCase[spec.work](item);
await whole[spec.work]?.();
process.exit(0);
