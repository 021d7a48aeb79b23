import "@dl/backend-cpu";
import { fromArray, permutation } from "@dl/tensor";
import { MNIST, transforms } from "@dl/vision-datasets";
const transform = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [1.0])]);
const set = await MNIST.load("/work/shared/data/mnist", { transform });
function time(name: string, f: () => unknown, n: number) { f(); const t = process.cpuUsage(); for (let i = 0; i < n; i++) f(); const u = process.cpuUsage(t); console.log(name, ((u.user+u.system) / n).toFixed(1), "us cpu"); }
const order = permutation(60000); let at = 0;
const next = () => { at = (at + 64) % 59900; return Array.from(order.subarray(at, at + 64)); };
time("permutation(60000)", () => permutation(60000), 10);
time("getBatch(64)", () => set.getBatch!(next()), 2000);
time("getBatch(64) seq", () => set.getBatch!(Array.from({length:64},(_, i)=>i)), 2000);
const buf = new Float32Array(64 * 784);
time("fromArray 64x784", () => fromArray(buf, [64, 1, 28, 28]), 2000);
time("alloc f32", () => new Float32Array(64 * 784), 2000);
