// Programs like those that people begin with. Prints the modules that the engine was made to write, in base64 by their
// keys. The argument is a number of bytes that are allocated before anything else is.
import { engine, memory } from "../packages/backend-cpu/src/runtime/index.ts";
import type { Module } from "../packages/backend-cpu/src/wasm/emitter.ts";
import type { Tensor } from "../packages/tensor/src/index.ts";

memory.allocate(Number(process.argv[2]));
await import("../packages/backend-cpu/src/index.ts");
await import("../packages/autograd/src/index.ts");
const nn = await import("../packages/nn/src/index.ts");
const { AdamW, SGD } = await import("../packages/optim/src/index.ts");
const { manualSeed, noGrad, rand, randint, randn, scope } = await import("../packages/tensor/src/index.ts");

type Model = InstanceType<typeof nn.Sequential<[Tensor], Tensor>>;
type Optimize = (model: Model) => InstanceType<typeof SGD | typeof AdamW>;

// What is mostly zeros is found by a look at the numbers.
manualSeed(0);

const written = new Map<string, Module>();
const make = engine.module.bind(engine);
engine.module = (key, build) =>
  make(key, (m) => {
    build(m);
    written.set(key, m);
  });

const digits = [
  new nn.Conv2d(1, 64, 5),
  new nn.ReLU({ inplace: true }),
  new nn.MaxPool2d(2),
  new nn.Conv2d(64, 32, 5),
  new nn.ReLU({ inplace: true }),
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Linear(512, 10),
];
const pictures = [
  new nn.Conv2d(3, 32, 3, { padding: 1 }),
  new nn.BatchNorm2d(32),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new nn.Conv2d(32, 64, 3, { padding: 1 }),
  new nn.ReLU(),
  new nn.Flatten(),
  new nn.Dropout(),
  new nn.Linear(64 * 16 * 16, 10),
];
const perceptron = [new nn.Flatten(), new nn.Linear(784, 512), new nn.ReLU(), new nn.Linear(512, 10)];

/** Steps and inference; chains are compiled when they are met again. */
function train(model: Model, shape: readonly number[], optimize: Optimize): void {
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = optimize(model);
  const [images, labels] = [rand(shape), randint(0, 10, [shape[0]!])];
  const step = () => {
    optimizer.zeroGrad();
    const outputs = model(images);
    const loss = criterion(outputs, labels);
    loss.backward();
    optimizer.step();
    loss.item();
    outputs.argmax(1).eq(labels).sum().item();
  };
  for (let i = 0; i < 3; i++) scope(step);
  model.eval();
  noGrad(() => scope(() => model(images).tolist()));
}

train(new nn.Sequential(...digits), [64, 1, 28, 28], (model) => new SGD(model.parameters(), { lr: 0.01 }));
train(new nn.Sequential(...pictures), [32, 3, 32, 32], (model) => new AdamW(model.parameters()));
train(new nn.Sequential(...perceptron), [128, 1, 28, 28], (model) => new AdamW(model.parameters()));
const block = new nn.TransformerEncoderLayer(64, 4, { dimFeedforward: 256, activation: "gelu", batchFirst: true });
const tokens = randn(8, 32, 64);
for (let i = 0; i < 3; i++) scope(() => block(tokens).square().mean().backward());

const modules = [...written].map(([key, m]) => [key, Buffer.from(m.bytes()).toString("base64")]);
console.log(JSON.stringify({ options: engine.options, modules: Object.fromEntries(modules) }));
