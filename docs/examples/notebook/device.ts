/** Rows 3, 6, 7 and 15: tensors on the GPU. */
import { tensor } from "@dl/tensor";
import { messageOf } from "./tensors.ts";

export async function device({ webgpu, print }: { webgpu: boolean; print: (text: unknown) => void }): Promise<void> {
  if (!webgpu) {
    // 3. Without an adapter, the error says how to get one.
    print(
      messageOf(() =>
        tensor(
          [
            [1, 2],
            [3, 4],
          ],
          { device: "webgpu" },
        ),
      ),
    );
    return;
  }
  const { useWebGPU } = await import("@dl/backend-webgpu");
  const gpu = await useWebGPU();

  // 3. Made on the GPU.
  const data = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { device: "webgpu" },
  );
  print(data.toString());

  // 6. Its memory is not the CPU's.
  print(messageOf(() => data.numpy()));

  // 7. Home first, then it is: at once in Node, by `await` anywhere.
  print([...data.to("cpu").numpy().data]);
  print([...(await data.cpu()).numpy().data]);

  // 15. The same maths, the same results.
  const x = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { dtype: "float32", device: "webgpu" },
  );
  print(x.matmul(x).add(1).to("cpu").toString());
  print(x.sub(x.mean()).square().sum().to("cpu").toString());
  gpu.destroy();
}
