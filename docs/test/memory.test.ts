/** Memory stays flat in long loops, on both devices: over a DataLoader without scope, and in synchronous code with it. */
import "@dl/autograd";
import { setMemoryLimit } from "@dl/backend-cpu";
import { useWebGPU, type WebGPUBackend } from "@dl/backend-webgpu";
import { DataLoader, TensorDataset } from "@dl/data";
import * as nn from "@dl/nn";
import { Adam, SGD } from "@dl/optim";
import {
  manualSeed,
  memory,
  noGrad,
  Pressure,
  rand,
  randn,
  resetPeakMemoryStats,
  scope,
  type Tensor,
} from "@dl/tensor";
import { afterAll, beforeEach, describe, expect, test } from "vitest";

const MiB = 2 ** 20;
const steps = 2000;
const memoryLimit = 32 * MiB;

async function openGPU(): Promise<WebGPUBackend | null> {
  try {
    return await useWebGPU({ memoryLimit });
  } catch (error) {
    if (process.env["CI"]) throw error;
    console.log(`skipped: memory on "webgpu". ${String(error)}`);
    return null;
  }
}

setMemoryLimit(memoryLimit);
const gpu = await openGPU();
const devices = gpu ? ["cpu", "webgpu"] : ["cpu"];
afterAll(() => gpu?.destroy());

/** For 2 000 steps on a GPU in software, on a busy machine. */
const long = 300_000;

/** Has the collector find everything that was forgotten. */
const settle = (): Promise<void> => new Pressure(() => 0).collect();

async function heapUsed(): Promise<number> {
  await settle();
  return process.memoryUsage().heapUsed;
}

const held = (device: string): [bytes: number, buffers: number, reserved: number] => {
  const { bytes, buffers, reserved } = memory(device);
  return [bytes, buffers, reserved];
};

/** Runs `body` so often that pools are filled and kernels made, then `count` times, and expects nothing to be left. */
async function expectFlat(device: string, count: number, body: (step: number) => void): Promise<void> {
  for (let step = 0; step < 20; step++) body(step);
  await settle(); // what earlier tests forgot
  for (let step = 0; step < 20; step++) body(step);
  const heap = await heapUsed();
  const [before, buffersMade] = [held(device), gpu?.profile.buffers];
  for (let step = 0; step < count; step++) body(step);
  expect(held(device)).toEqual(before);
  expect(gpu?.profile.buffers).toBe(buffersMade);
  expect((await heapUsed()) - heap).toBeLessThan(2 * MiB);
}

const mlp = (width: number): nn.Sequential =>
  new nn.Sequential(new nn.Linear(16, width), new nn.ReLU(), new nn.Linear(width, 10));

class Block extends nn.Module {
  norm = new nn.LayerNorm(32);
  attention = new nn.MultiheadAttention(32, 4, { batchFirst: true, dropout: 0.1 });
  mlp = new nn.Sequential(new nn.Linear(32, 64), new nn.GELU(), new nn.Linear(64, 32));

  forward(x: Tensor): Tensor {
    const y = this.norm(x);
    const [attended] = this.attention(y, y, y, { needWeights: false });
    const z = x.add(attended);
    return z.add(this.mlp(z));
  }
}

const labels = (count: number, classes: number): Tensor => rand(count).mul(classes).floor().to("int64");

beforeEach(() => {
  manualSeed(0);
});

describe.each(devices)("on %s", (device) => {
  const criterion = new nn.CrossEntropyLoss();
  // A GPU in software is slow, and counts buffers as well as bytes.
  const [width, batch] = device === "cpu" ? [512, 64] : [32, 8];
  const [x, y] = [randn(batch, 16).to(device), labels(batch, 10).to(device)];

  test(
    "a loop over a DataLoader that frees nothing holds a small part of what it made",
    async () => {
      const net = mlp(width).to(device);
      const optimizer = new SGD(net.parameters(), { lr: 0.01, momentum: 0.9 });
      const loader = new DataLoader(new TensorDataset(randn(20 * batch, 16), labels(20 * batch, 10)), {
        batchSize: batch,
        device,
      });
      const readings: [bytes: number, buffers: number][] = [];
      let heap = 0;
      while (readings.length < steps) {
        for await (const [images, targets] of loader) {
          optimizer.zeroGrad();
          criterion(net(images), targets).backward();
          optimizer.step();
          const { bytes, buffers } = memory(device);
          readings.push([bytes, buffers]);
        }
        await net.parameters()[0]!.data(); // as reading a loss does: a GPU catches up
        if (readings.length === 500) heap = await heapUsed();
      }
      const made = [0, 1].map((i) => (readings[11]![i]! - readings[10]![i]!) * steps);
      const most = [0, 1].map((i) => Math.max(...readings.map((reading) => reading[i]!)));
      expect(made[1]).toBeGreaterThan(5 * steps);
      expect(most[0]).toBeLessThan(made[0]! / 4);
      expect(most[1]).toBeLessThan(made[1]! / 4);
      expect(memory(device).reserved).toBeLessThanOrEqual(memoryLimit);
      expect((await heapUsed()) - heap).toBeLessThan(2 * MiB);
    },
    long,
  );

  test(
    "a synchronous loop with scope leaves nothing, and asks the system for nothing",
    async () => {
      const net = mlp(width).to(device);
      const optimizer = new Adam(net.parameters());
      const resident = process.memoryUsage().rss;
      await expectFlat(device, steps, (step) =>
        scope(() => {
          optimizer.zeroGrad();
          const loss = criterion(net(x), y);
          loss.backward();
          optimizer.step();
          if (step % 20 === 0) loss.item(); // on a GPU, this waits
        }),
      );
      expect(process.memoryUsage().rss - resident).toBeLessThan(200 * MiB);
    },
    long,
  );

  test("inference leaves nothing", async () => {
    const net = mlp(width).to(device).eval();
    await expectFlat(device, 100, () => noGrad(() => scope(() => void net(x).argmax(1))));
    await expectFlat(device, 100, () => {
      const predicted = noGrad(() => scope(() => net(x).argmax(1)));
      expect(predicted.shape).toEqual([batch]);
      predicted.dispose();
    });
  });

  test("a step of a transformer leaves nothing", async () => {
    const net = new nn.Sequential(new Block(), new nn.Linear(32, 10)).to(device);
    const optimizer = new Adam(net.parameters());
    const [tokens, next] = [randn(4, 8, 32).to(device), labels(32, 10).to(device)];
    await expectFlat(device, 20, () =>
      scope(() => {
        optimizer.zeroGrad();
        criterion(net(tokens).view(-1, 10), next).backward();
        optimizer.step();
      }),
    );
  });

  test("a step that throws in the middle leaves nothing", async () => {
    const net = mlp(width).to(device);
    const wrong = new nn.Linear(11, 2).to(device);
    await expectFlat(device, 50, () => {
      expect(() => scope(() => void wrong(net(x)))).toThrow("linear");
      expect(() => scope(() => criterion(net(x), y).add(net(x)).backward())).toThrow("backward");
    });
    expect(net.parameters().every(({ grad }) => grad === null)).toBe(true);
  });

  const exhausted = new RegExp(
    `^${device}: out of memory: .* of 32 MiB held by tensors \\(\\d+ of .*never awaits, put scope`,
  );

  test("what is held until no more fits ends in an error that says what to do", () => {
    const held: Tensor[] = [];
    expect(() => {
      for (;;) held.push(rand(2 ** 18).to(device));
    }).toThrow(exhausted);
    expect(held.length).toBeGreaterThan(16);
    for (const tensor of held) tensor.dispose();
  });

  test("a synchronous loop without scope goes on where the host finds what is forgotten, or ends so, and await heals it", async () => {
    await settle();
    const net = mlp(256).to(device);
    const optimizer = new SGD(net.parameters(), { lr: 0.01 });
    const [many, classes] = [randn(512, 16).to(device), labels(512, 10).to(device)];
    const train = (): void => {
      optimizer.zeroGrad();
      criterion(net(many), classes).backward();
      optimizer.step();
    };
    const loop = (): void => {
      for (let step = 0; step < steps; step++) train();
    };
    if (device === "cpu") loop();
    else expect(loop).toThrow(exhausted);
    await settle();
    expect(memory(device).bytes).toBeLessThan(memoryLimit / 2);
    scope(train);
  });

  test("the peak tells what a step needs at once", () => {
    const net = mlp(width).to(device);
    resetPeakMemoryStats(device);
    const before = memory(device);
    expect(before.peak).toBe(before.bytes);
    const bytes = batch * width * 4; // of the hidden layer, saved for backward
    scope(() => criterion(net(x), y).backward());
    const { peak } = memory(device);
    expect(peak - before.bytes).toBeGreaterThan(2 * bytes);
    expect(peak - before.bytes).toBeLessThan(12 * bytes);
    scope(() => criterion(net(x), y).backward());
    expect(memory(device).peak).toBeGreaterThanOrEqual(peak);
  });
});
