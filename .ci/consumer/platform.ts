// What users write whose library level has it: disposal at the end of a block, the platform's own GPU and AbortSignal.
import "@dl/backend-cpu";
import { type GPULike, useWebGPU } from "@dl/backend-webgpu";
import { DataLoader, TensorDataset } from "@dl/data";
import { noGrad, scope, tensor } from "@dl/tensor";
import { MNIST } from "@dl/vision-datasets";

export function sumOf(numbers: number[]): number {
  using _ = noGrad();
  using inside = scope();
  using x = tensor(numbers);
  return inside.keep(x.sum()).item() as number;
}

export async function open(gpu: GPU, signal: AbortSignal): Promise<void> {
  const like: GPULike = gpu;
  await useWebGPU({ gpu: like, powerPreference: "low-power" });
  const train = await MNIST.load("data", { signal });
  for await (const batch of new DataLoader(train, { signal })) console.log(batch);
  new DataLoader(new TensorDataset(tensor([1])), { signal: new AbortController().signal });
}

const { signal } = new AbortController();
if (sumOf([1, 2, 3]) !== 6 || signal.aborted) throw new Error("consumer: disposal at the end of a block");
