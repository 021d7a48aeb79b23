/** What is printed at the end: who was taken for whom, and a few digits to look at. */
import type { Dataset } from "@dl/data";
import type { Tensor } from "@dl/tensor";
import type { Digit } from "./data.ts";

/** Rows: the digit; columns: what it was taken for. */
export function confusionTable(confusion: readonly (readonly number[])[]): string {
  const width = Math.max(4, ...confusion.flat().map((count) => String(count).length + 1));
  const cells = (values: readonly (string | number)[]): string => values.map((v) => String(v).padStart(width)).join("");
  const head = `taken for ${cells(confusion.map((_, digit) => digit))}`;
  const rows = confusion.map(
    (row, digit) => `digit ${digit}   ${cells(row.map((count) => (count === 0 ? "·" : count)))}`,
  );
  return [head, ...rows].join("\n");
}

/** Digits side by side over their predictions: two that came out right, then mistakes. */
export function gallery(digits: Dataset<Digit>, predictions: readonly number[], count = 5): string {
  const truth = (i: number): number => labelOf(digits.get(i) as Digit);
  const all = predictions.map((_, i) => i);
  // Spread over the set, since some sets are grouped by digit.
  const step = Math.max(1, Math.floor(all.length / 7));
  const right = all.filter((i) => i % step === 0 && truth(i) === predictions[i]).slice(0, count);
  const wrong = all.filter((i) => truth(i) !== predictions[i]);
  const chosen = [...right.slice(0, Math.max(2, count - wrong.length)), ...wrong].slice(0, count);
  const pictures = chosen.map((i) => braille((digits.get(i) as Digit)[0]));
  const lines = pictures[0]!.map((_, row) => pictures.map((picture) => picture[row]).join("  "));
  const captions = chosen.map((i) =>
    `${predictions[i]} ${truth(i) === predictions[i] ? "✓" : `✗ is ${truth(i)}`}`.padEnd(14),
  );
  return [...lines, captions.join("  ").trimEnd()].join("\n");
}

function labelOf([, label]: Digit): number {
  return typeof label === "number" ? label : label.item();
}

/** Bit of each dot in a braille character, by row and column. */
const dots = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

/** A [1, 28, 28] image as 7 lines of 14 characters. */
function braille(image: Tensor): string[] {
  const pixels = (image.toArray() as number[][][])[0]!;
  return Array.from({ length: 7 }, (_, row) =>
    Array.from({ length: 14 }, (_, column) => {
      const bits = dots.flatMap((pair, y) =>
        pair.map((bit, x) => (pixels[4 * row + y]![2 * column + x]! > 0 ? bit : 0)),
      );
      return String.fromCharCode(0x2800 + bits.reduce<number>((sum, bit) => sum + bit, 0));
    }).join(""),
  );
}
