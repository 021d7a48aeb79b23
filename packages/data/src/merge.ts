/** Batches into one, along their first dimension. */
import { cat, fail, fromArray, isTensor, showShape, showValue, type Tensor, tidy } from "@dl/tensor";
import { isPlain } from "./collate.ts";

/** The rows of the batches laid end to end, in the given order: of tensors and lists of strings, wherever they are. */
export function merge(batches: readonly unknown[], rows: readonly number[], place: string = ""): unknown {
  const [first] = batches;
  checkForms(batches.map(formOf), place);
  if (isTensor(first)) return pick(batches as readonly Tensor[], rows);
  if (isStrings(first)) {
    const strings = batches.flat();
    return rows.map((row) => strings[row]);
  }
  const part = (key: string | number, at: string): unknown =>
    merge(
      batches.map((batch) => (batch as Readonly<Record<string | number, unknown>>)[key]),
      rows,
      place + at,
    );
  if (Array.isArray(first)) return first.map((_, i) => part(i, `[${i}]`));
  return Object.fromEntries(Object.keys(first as object).map((key) => [key, part(key, `.${key}`)]));
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && typeof value[0] === "string";
}

/** Describes the form of a batch, which has to be the same for all batches. */
function formOf(batch: unknown): string {
  if (isTensor(batch)) return `rows of ${showShape(batch.shape.slice(1))}`;
  if (isStrings(batch)) return "strings";
  if (Array.isArray(batch)) return `a list of ${batch.length}`;
  if (isPlain(batch)) return `an object of ${Object.keys(batch as object).join(", ")}`;
  const remedy = "Let getBatch give what defaultCollate does";
  return fail("ConcatDataset", `cannot join batches that hold ${showValue(batch)}`, remedy);
}

function checkForms(forms: readonly string[], place: string): void {
  const wrong = forms.find((form) => form !== forms[0]);
  if (wrong === undefined) return;
  const where = place && ` at ${place}`;
  fail("ConcatDataset", `its data sets give ${forms[0]} and ${wrong}${where}`, "Make their samples alike");
}

function pick(tensors: readonly Tensor[], rows: readonly number[]): Tensor {
  return tidy(() => {
    const whole = cat(tensors);
    return whole.indexSelect(0, fromArray(BigInt64Array.from(rows, BigInt), [rows.length], { device: whole.device }));
  });
}
