import { fail, noGrad, peek, scope, type Tensor, tensor } from "@dl/tensor";
import { classNumbers, predictions } from "./accuracy.ts";

/** How often each class (row) was taken for each (column). */
export class ConfusionMatrix {
  readonly numClasses: number;
  readonly #counts: number[][];

  constructor(numClasses: number) {
    if (!(Number.isInteger(numClasses) && numClasses > 0))
      fail("ConfusionMatrix", `needs a number of classes, got ${numClasses}`);
    this.numClasses = numClasses;
    this.#counts = Array.from({ length: numClasses }, () => new Array<number>(numClasses).fill(0));
  }

  /**
   * `output`: scores [N, C, …], or class numbers of the target's shape.
   * @throws TensorError for other shapes and for classes that there are not; nothing is counted then
   */
  update(output: Tensor, target: Tensor): void {
    const numbers = (x: Tensor): number[] =>
      Array.from(peek(x.contiguous(), "ConfusionMatrix") as ArrayLike<number | bigint>, Number);
    noGrad(() =>
      scope(() => {
        const truths = numbers(classNumbers("ConfusionMatrix", target));
        const guesses = numbers(predictions("ConfusionMatrix", output.detach(), target));
        for (const [i, truth] of truths.entries()) this.#check(truth, guesses[i]!);
        for (const [i, truth] of truths.entries()) this.#counts[truth]![guesses[i]!]!++;
      }),
    );
  }

  #check(truth: number, guess: number): void {
    if (this.#counts[truth]?.[guess] === undefined)
      fail("ConfusionMatrix", `class ${truth} taken for ${guess}: there are ${this.numClasses} classes`);
  }

  /** [numClasses, numClasses] of int64: truth by prediction. */
  compute(): Tensor {
    return tensor(this.#counts, { dtype: "int64" });
  }

  /** Right ones of each class, by how many it has. */
  recall(): number[] {
    return this.#counts.map((row, i) => row[i]! / row.reduce((sum, count) => sum + count, 0));
  }

  /** Right ones of each class, by how often it was predicted. */
  precision(): number[] {
    return this.#counts.map((row, i) => row[i]! / this.#counts.reduce((sum, other) => sum + other[i]!, 0));
  }

  /** For {@link deepcopy}. @internal */
  emptyCopy(): ConfusionMatrix {
    const copy = new ConfusionMatrix(this.numClasses);
    this.#counts.forEach((row, i) => {
      copy.#counts[i] = [...row];
    });
    return copy;
  }

  reset(): void {
    for (const row of this.#counts) row.fill(0);
  }

  /** A table with the classes at its edges: rows are the truth. */
  toString(): string {
    const cells = [["", ...this.#counts.keys()], ...this.#counts.map((row, i) => [i, ...row])].map((row) =>
      row.map(String),
    );
    const width = Math.max(...cells.flat().map((cell) => cell.length)) + 1;
    return cells.map((row) => row.map((cell) => cell.padStart(width)).join("")).join("\n");
  }
}
