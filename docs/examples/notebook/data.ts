/** Rows 16 to 20: a data set with transforms, and a loader that draws batches from it. */
import { DataLoader } from "@dl/data";
import { manualSeed } from "@dl/tensor";
import { MNIST, transforms } from "@dl/vision-datasets";

export async function data({ root, print }: { root: string; print: (text: unknown) => void }): Promise<void> {
  // 16. Pixels 0 … 255 become −0.5 … 0.5.
  const transform = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [1.0])]);

  // 17 and 18. Downloaded from the first mirror that answers, checked, and reused next time.
  const train = await MNIST.load(root, { transform, train: true, download: true });
  const [image, label] = train.get(0);
  print(`${image.shape} ${label} ${image.min().item()} ${image.max().item().toFixed(4)}`);

  // 19. What it says of itself.
  print(train.toString());

  // 20. Batches are made when they are asked for, from indices that a sampler draws.
  manualSeed(0);
  const loader = new DataLoader(train, { batchSize: 64, shuffle: true });
  for await (const [images, labels] of loader) {
    print(`${loader.length} batches; the first: images [${images.shape}], labels [${labels.shape}]`);
    break;
  }
}
