/**
 * A beginner's PyTorch notebook, row by row, in TypeScript. `notebook(options)` prints what PyTorch prints (without the
 * `torch.` prefix); a test compares the text. Run it: `npx tsx --conditions=@dl/source docs/examples/notebook.ts`.
 */
import "@dl/autograd";
import "@dl/backend-cpu";
import { pathToFileURL } from "node:url";
import { data } from "./notebook/data.ts";
import { device } from "./notebook/device.ts";
import { models } from "./notebook/models.ts";
import { tensors } from "./notebook/tensors.ts";
import { training } from "./notebook/training.ts";

export interface NotebookOptions {
  /** Where MNIST's four files are, or shall be downloaded to. */
  readonly root: string;
  /** Whether the rows that need a GPU run; without an adapter they say so. */
  readonly webgpu: boolean;
  /** Where the rows' text goes. */
  readonly print: (text: unknown) => void;
}

export async function notebook(options: NotebookOptions): Promise<void> {
  tensors(options.print);
  await device(options);
  await data(options);
  models(options.print);
  training(options.print);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = process.argv[2] ?? "data";
  await notebook({ root, webgpu: true, print: (text) => console.log(text) }).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
