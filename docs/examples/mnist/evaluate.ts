import { DataLoader, type Dataset } from "@dl/data";
import type * as nn from "@dl/nn";
import { noGrad, scope } from "@dl/tensor";
import type { Digit } from "./data.ts";

export interface Evaluation {
  readonly accuracy: number;
  /** confusion[truth][prediction] */
  readonly confusion: readonly (readonly number[])[];
  /** In the order of the data set. */
  readonly predictions: readonly number[];
}

/** What the model makes of every image. */
export function evaluate(model: nn.Module, digits: Dataset<Digit>, device: string): Evaluation {
  const loader = new DataLoader(digits, { batchSize: 250, device });
  const confusion = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
  const predictions: number[] = [];
  model.eval();
  for (const [images, labels] of loader) {
    const [guesses, truths] = scope(() =>
      noGrad(() => [model(images).argmax(1).toArray(), labels.toArray()] as number[][]),
    );
    guesses!.forEach((guess, i) => {
      confusion[truths![i]!]![guess]!++;
    });
    predictions.push(...guesses!);
    images.dispose();
    labels.dispose();
  }
  const right = confusion.reduce((sum, row, digit) => sum + row[digit]!, 0);
  return { accuracy: right / digits.length, confusion, predictions };
}
