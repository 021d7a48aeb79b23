/**
 * Random programs over tensors that are just long enough to wait, run twice: as the backend does, and with every result
 * computed at once. Elements of all that is left must be the same bit by bit.
 */
import {
  type Attrs,
  apply,
  applyAll,
  cat,
  noGrad,
  type Shape,
  type Storage,
  scope,
  type Tensor,
  TensorError,
  tensor,
  updateParameters,
  where,
} from "@dl/tensor";
import fc from "fast-check";
import { cpu } from "../src/backend.ts";
import "../src/index.ts";
import type { CpuStorage } from "../src/storage.ts";

const shape: Shape = [8, 8, 32, 16];
const weightShape: Shape = [8, 8, 3, 3];
const conv: Attrs<"conv"> = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
const window: Attrs<"maxPool"> = {
  ...{ kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], ceilMode: false },
};
/** Sums of whole numbers below are the same in any order, as kernels that know each other need. */
const EXACT = 2 ** 24;

/** Whole numbers from −3 to 3, many of them 0. */
function wholes(seed: number, of: Shape): Tensor {
  const count = of.reduce((product, size) => product * size, 1);
  const mix = (i: number): number => ((i + 1 + seed) * 2654435761) >>> 20;
  return tensor(Float32Array.from({ length: count }, (_, i) => (mix(3 * i) % 7 < 3 ? 0 : (mix(i) % 7) - 3))).reshape(
    ...of,
  );
}

/** What a program has made so far. */
class Machine {
  /** All of {@link shape}. */
  readonly made: Tensor[] = [wholes(1, shape), wholes(2, shape), wholes(3, shape).mul(0.3)];
  /** Of other shapes. */
  readonly others: Tensor[] = [];
  readonly weight: Tensor = wholes(4, weightShape).sign();
  readonly bias: Tensor = wholes(5, [8]);
  /** What max pooling gave last, and the ReLU of a convolution before it. */
  pooled: readonly [values: Tensor, positions: Tensor] = this.pool(this.made[0]!);
  activated: Tensor = this.made[0]!;
  /** The largest whole number that a storage may hold; missing: others, too. */
  readonly #most = new WeakMap<Storage, number>();

  constructor() {
    for (const x of [this.made[0]!, this.made[1]!, this.bias, this.pooled[0]]) this.holds(x, 3);
    this.holds(this.weight, 1);
  }

  most({ storage }: Tensor): number {
    return this.#most.get(storage) ?? Number.POSITIVE_INFINITY;
  }

  /** Notes that a new tensor holds whole numbers up to `most`. */
  holds(x: Tensor, most: number): Tensor {
    this.#most.set(x.storage, most);
    return x;
  }

  /** Notes that some elements may have become as large as `most`. */
  took(x: Tensor, most: number): void {
    this.holds(x, Math.max(this.most(x), most));
  }

  pool(x: Tensor): [Tensor, Tensor] {
    return applyAll("maxPool", [x], window) as [Tensor, Tensor];
  }
}

type Step = (m: Machine, x: Tensor, y: Tensor, k: number) => Tensor | undefined;

function convolve(m: Machine, x: Tensor, plain: boolean): Tensor {
  const y = apply("conv", plain ? [x, m.weight] : [x, m.weight, m.bias], conv);
  return m.holds(y, 72 * m.most(x) * m.most(m.weight) + 3);
}

function pool(m: Machine, x: Tensor): void {
  m.pooled = m.pool(x);
  m.holds(m.pooled[0], m.most(x));
  m.others.push(...m.pooled);
}

function unpool(m: Machine): Tensor {
  const gradient = apply("maxPoolBackward", [...m.pooled], { inputShape: shape, window });
  return m.holds(gradient, m.most(m.pooled[0]));
}

/** One place of each line, and zeros but for a number there. */
const places = (k: number): Tensor => wholes(k, [8, 8, 32, 1]).abs().to("int64");
const lone = (k: number): Tensor =>
  tensor(0)
    .expand(shape)
    .scatterAdd(3, places(k), wholes(k + 1, [8, 8, 32, 1]));

/** Two of eight channels, and zeros around them; of absolute values: zeros that wait are not added, and make no 0 of -0. */
function framed(m: Machine, x: Tensor, k: number): Tensor {
  const before = k % 7;
  const padding = shape.map((_, dim) => (dim === 1 ? ([before, 6 - before] as const) : ([0, 0] as const)));
  return m.holds(apply("pad", [x.abs().narrow(1, before, 2)], { padding, value: 0 }), m.most(x));
}

/** Steps whose result is of the usual shape. */
const steps: Readonly<Record<string, Step>> = {
  add: (m, x, y) => m.holds(x.add(y), m.most(x) + m.most(y)),
  mul: (m, x, y) => m.holds(x.mul(y), m.most(x) * m.most(y)),
  scale: (_, x, __, k) => x.mul(k / 7 - 0.4),
  tanh: (_, x) => x.tanh(),
  relu: (m, x) => m.holds(x.relu(), m.most(x)),
  abs: (m, x) => m.holds(x.abs(), m.most(x)),
  clamp: (m, x, _, k) => m.holds(x.round().clamp(-k, 3), Math.max(k, 3)),
  pick: (m, x, y) => m.holds(where(x.gt(y), x, y), Math.max(m.most(x), m.most(y))),
  rounded: (_, x) => x.to("bfloat16").mul(3).to("float32"),
  counted: (m, x, y) => m.holds(x.lt(y).to("float32"), 1),
  scoped: (_, x, y) => scope(() => x.mul(y).sub(1).sigmoid().mul(x)),
  conv: (m, x, _, k) => convolve(m, x, k % 2 === 0),
  layer: (m, x, _, k) => {
    const y = convolve(m, x, k % 2 === 0);
    const activated = k % 3 === 0 ? y.relu_() : y.relu();
    m.activated = m.holds(activated, m.most(y));
    pool(m, activated);
    if (k % 3 === 1) m.made.push(y);
    return activated;
  },
  back: (m) => m.holds(apply("reluBackward", [unpool(m), m.activated]), m.most(m.pooled[0])),
  convInput: (m, x) => {
    const most = 72 * m.most(x) * m.most(m.weight);
    return most < EXACT ? m.holds(apply("convInput", [x, m.weight], { ...conv, inputShape: shape }), most) : undefined;
  },
  unpool,
  reluBackward: (m, x, y) => m.holds(apply("reluBackward", [x, y]), m.most(x)),
  softmax: (_, x, __, k) => x.softmax(k % 4),
  logSoftmax: (_, x, __, k) => x.logSoftmax(k === 9 ? 2 : 3),
  slope: (_, x, __, k) => apply("logSoftmaxBackward", [lone(k), x], { dim: 3 }),
  cumsum: (_, x) => x.cumsum(3),
  centred: (_, x, __, k) => x.sub(x.amax(k % 4, true)),
  channels: (m, x) => x.add(m.bias.view(8, 1, 1)),
  transposed: (_, x, y) => x.transpose(2, 3).add(y.transpose(2, 3)).transpose(2, 3),
  repeated: (m, x, y, k) =>
    m.holds(
      x
        .narrow(1, k % 8, 1)
        .expand(shape)
        .sub(y),
      m.most(x) + m.most(y),
    ),
  halves: (m, x, y) => m.holds(cat([x.narrow(0, 1, 4), y.narrow(0, 4, 4)]), Math.max(m.most(x), m.most(y))),
  pieced: (m, x, y, k) => {
    const sum = framed(m, x, k).add_(framed(m, y, k + 3));
    return m.holds(sum.mul(1), m.most(x) + m.most(y));
  },
  flipped: (m, x) => m.holds(x.flip(3), m.most(x)),
  alias: (_, x) =>
    x
      .view(64, 32, 16)
      .detach()
      .view(...shape),
};

/** What changes something made before, or gives something of another shape. */
const effects: Readonly<Record<string, (...args: Parameters<Step>) => void>> = {
  add_: (m, x, y) => m.took(x.add_(y), m.most(x) + m.most(y)),
  mul_: (m, x, y) => m.took(x.mul_(y), m.most(x) * m.most(y)),
  relu_: (_, x) => x.relu_(),
  tanh_: (m, x) => m.took(x.tanh_(), Number.POSITIVE_INFINITY),
  addFramed: (m, x, y, k) => m.took(x.add_(0).add_(framed(m, y, k)), m.most(x) + m.most(y)),
  copy_: (m, x, y) => m.took(x.copy_(y), m.most(y)),
  fill: (m, x, _, k) => m.took(x.narrow(2, k, 2).fill_(k), k),
  partly: (m, x, y, k) => {
    m.took(x.narrow(1, k % 7, 2).sub_(y.narrow(1, 3, 2)), m.most(x) + m.most(y));
  },
  triangle: (_, x) => x.tril_(),
  pool,
  poolOver: (m, _, __, k) => m.took(m.pooled[0].mul_(k - 4), m.most(m.pooled[0]) * Math.abs(k - 4)),
  convWeight: (m, x, y) => {
    if (4096 * m.most(x) * m.most(y) >= EXACT) return;
    m.others.push(apply("convWeight", [x, y], { ...conv, weightShape }));
  },
  sum: (m, x) => {
    if (4096 * m.most(x) < EXACT) m.others.push(x.sum([0, 2, 3]));
  },
  picked: (m, x, _, k) => m.others.push(x.gather(3, places(k))),
  largest: (m, x, _, k) => m.others.push(x.amax(k % 4)),
  mean: (m, x, __, k) => m.others.push(x.square().mean(k % 4)),
  norm: (m, x) => m.others.push(x.abs().amax()),
  some: (m, x, y) => m.others.push(x.eq(y).any(1), x.sub(y).argmax(3)),
  step: (m, _, __, k) => {
    const gradient = wholes(k, weightShape).sign();
    const attrs = {
      lr: 1,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      weightDecay: 0,
      maximize: false,
      firstStep: true,
    };
    updateParameters("sgd", [[m.weight]], [gradient], attrs);
    m.took(m.weight, m.most(m.weight) + 1);
  },
  dispose: (m, x) => {
    if (m.made.length > 3) m.made.splice(m.made.indexOf(x), 1)[0]!.dispose();
  },
  forget: (m) => {
    const [first] = m.others;
    if (!first || m.pooled.includes(first)) return;
    m.others.shift();
    first.dispose();
  },
  touch: (_, x) => void bytes(x),
  lend: (m, x, _, k) => {
    const { data } = x.numpy();
    data[k] = k;
    m.took(x, k);
  },
};

type Program = readonly { readonly name: string; readonly x: number; readonly y: number; readonly k: number }[];

/** Those that kernels look for are chosen more often. */
const names = [
  ...Object.keys(steps),
  ...Object.keys(effects),
  ...[
    "logSoftmax",
    "picked",
    "slope",
    "layer",
    "layer",
    "back",
    "back",
    "back",
    "convWeight",
    "convWeight",
    "convInput",
    "convInput",
    "step",
  ],
];

export const programs: fc.Arbitrary<Program> = fc.array(
  fc.record({
    name: fc.constantFrom(...names),
    // From the latest backwards.
    ...{ x: fc.oneof(fc.nat(2), fc.nat(12)), y: fc.oneof(fc.nat(2), fc.nat(12)), k: fc.nat(9) },
  }),
  { minLength: 2, maxLength: 16, size: "max" },
);

/** The elements of all that is left, and what was refused. */
function execute(program: Program): (Buffer | string)[] {
  return scope(() =>
    noGrad(() => {
      const m = new Machine();
      const refused: string[] = [];
      for (const { name, x, y, k } of program) {
        const at = (back: number): Tensor => m.made[m.made.length - 1 - (back % m.made.length)]!;
        try {
          const result = steps[name]?.(m, at(x), at(y), k);
          if (result) m.made.push(result);
          else effects[name]?.(m, at(x), at(y), k);
        } catch (error) {
          if (!(error instanceof TensorError)) throw error;
          refused.push(error.message);
        }
      }
      return [...refused, ...[...m.made, ...m.others, m.weight].map(bytes)];
    }),
  );
}

/** NaNs may have any sign. */
function bytes(x: Tensor): Buffer {
  const elements = x.backend.readSync!(x);
  if (elements instanceof Float32Array) {
    for (let i = 0; i < elements.length; i++) if (Number.isNaN(elements[i])) elements[i] = Number.NaN;
  }
  return Buffer.from(elements.buffer);
}

/** The same with no op waiting for another. */
function atOnce<T>(body: () => T): T {
  const { run, runInto } = cpu;
  cpu.run = (call) => {
    const storages = run.call(cpu, call);
    for (const storage of storages) void (storage as CpuStorage).block;
    return storages;
  };
  cpu.runInto = (call, target) => {
    runInto.call(cpu, call, target);
    void (target.storage as CpuStorage).block;
  };
  try {
    return body();
  } finally {
    Object.assign(cpu, { run, runInto });
  }
}

/** Where the elements differ: chains are compiled when they are met again, so programs run several times. */
export function differences(program: Program, times: number): number[] {
  const expected = atOnce(() => execute(program));
  return Array.from({ length: times }, () => execute(program)).flatMap((found) =>
    found.flatMap((each, i) => {
      const wanted = expected[i]!;
      const same = typeof each === "string" || typeof wanted === "string" ? each === wanted : each.equals(wanted);
      return same && found.length === expected.length ? [] : [i];
    }),
  );
}
