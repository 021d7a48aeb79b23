/**
 * Einstein sums: every letter is a dimension; letters missing behind the arrow are summed. Operands are contracted two
 * at a time, each time as one batched matrix product.
 */
import { fail, inNameOf, showShape, showValue } from "../errors.ts";
import { tidy } from "../scope.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { matmul } from "./linalg.ts";

/** A tensor whose dimensions have names; those of an ellipsis are "0", "1", … counted from the last. */
interface Labelled {
  readonly x: Tensor;
  readonly labels: readonly string[];
}

/**
 * `einsum("bij,bjk->bik", a, b)`; repeated letters take a diagonal, `...` stands for any dimensions, which broadcast.
 * @throws TensorError for an equation that does not fit the operands
 * @see https://pytorch.org/docs/stable/generated/torch.einsum.html
 * @example
 * einsum("ij,jk->ik", floatTensor([[1, 2]]), floatTensor([[3], [4]])); // tensor([[11.]])
 * einsum("ii->", eye(3)); // tensor(3.)
 * einsum("bhqd,bhkd->bhqk", rand(2, 4, 5, 8), rand(2, 4, 6, 8)).shape; // [2, 4, 5, 6]
 */
export function einsum(equation: string, ...operands: readonly Tensor[] | readonly [readonly Tensor[]]): Tensor {
  if (typeof equation !== "string")
    fail("einsum", `needs an equation first, got ${showValue(equation)}`, 'Write einsum("ij,jk->ik", a, b)');
  const list = (Array.isArray(operands[0]) ? operands[0] : operands) as readonly Tensor[];
  const [inputs, result] = equation.replaceAll(" ", "").split("->") as [string, string?];
  const texts = inputs.split(",");
  if (texts.length !== list.length || list.length === 0) {
    fail("einsum", `"${equation}" has ${texts.length} operands, got ${list.length} tensors`);
  }
  const body = (): Tensor => {
    const terms = list.map((x, i) => withoutRepeats(x, labelsOf(equation, texts[i]!, x.ndim, x)));
    const out = result === undefined ? implied(texts, terms) : resultLabels(equation, result, terms);
    return arranged(contractAll(terms, out), out);
  };
  return inNameOf("einsum", () => tidy(body));
}

function labelsOf(equation: string, text: string, rank: number, x?: Tensor): string[] {
  const match =
    /^([a-zA-Z]*)(\.\.\.)?([a-zA-Z]*)$/.exec(text) ?? fail("einsum", `cannot read "${text}" in "${equation}"`);
  const letters = match[1]!.length + match[3]!.length;
  const hidden = match[2] ? rank - letters : 0;
  if (hidden < 0 || (x && letters + hidden !== rank)) {
    fail("einsum", `"${text}" does not fit a tensor of ${showShape(x?.shape ?? [])}`);
  }
  const dots = Array.from({ length: hidden }, (_, i) => String(hidden - 1 - i));
  return [...match[1]!, ...dots, ...match[3]!];
}

/** Equal letters of one operand become their diagonal. */
function withoutRepeats(x: Tensor, labels: readonly string[]): Labelled {
  const twice = labels.findIndex((label, i) => labels.indexOf(label) < i);
  if (twice < 0) return { x, labels };
  const first = labels.indexOf(labels[twice]!);
  if (x.shape[first] !== x.shape[twice])
    fail("einsum", `"${labels[twice]}" has sizes ${x.shape[first]} and ${x.shape[twice]}`);
  const rest = labels.filter((_, i) => i !== first && i !== twice);
  return withoutRepeats(x.diagonal(0, first, twice), [...rest, labels[twice]!]);
}

function dotsIn(terms: readonly Labelled[]): string[] {
  const count = Math.max(0, ...terms.map(({ labels }) => labels.filter((label) => /\d/.test(label)).length));
  return Array.from({ length: count }, (_, i) => String(count - 1 - i));
}

/** Without an arrow: the ellipsis, then the letters that occur once, sorted. */
function implied(texts: readonly string[], terms: readonly Labelled[]): string[] {
  const letters = [...texts.join("").replaceAll(/[^a-zA-Z]/g, "")];
  return [...dotsIn(terms), ...letters.filter((a) => letters.indexOf(a) === letters.lastIndexOf(a)).sort()];
}

function resultLabels(equation: string, text: string, terms: readonly Labelled[]): string[] {
  const dots = dotsIn(terms).length;
  const out = labelsOf(equation, text, text.replace("...", "").length + dots);
  const known = new Set(terms.flatMap(({ labels }) => labels));
  const wrong = out.find((label, i) => !known.has(label) || out.indexOf(label) < i);
  if (wrong) fail("einsum", `"${wrong}" in the result of "${equation}" must occur once, and in an operand`);
  return out;
}

function contractAll(terms: readonly Labelled[], out: readonly string[]): Labelled {
  return terms.slice(1).reduce((left, right, i) => {
    const later = new Set([...out, ...terms.slice(i + 2).flatMap(({ labels }) => labels)]);
    return contract(left, right, later);
  }, terms[0]!);
}

/** Two operands as [batch, rows, inner] × [batch, inner, columns]. */
function contract(left: Labelled, right: Labelled, later: ReadonlySet<string>): Labelled {
  const [a, b] = [slim(left, right), slim(right, left)];
  const sizes = new Map([...entries(a), ...entries(b)]);
  for (const [label, size] of entries(a)) {
    if (sizes.get(label) !== size) fail("einsum", `"${label}" has sizes ${size} and ${sizes.get(label)}`);
  }
  const both = a.labels.filter((label) => b.labels.includes(label));
  const batch = both.filter((label) => later.has(label));
  const inner = both.filter((label) => !later.has(label));
  if (inner.length === 0) return multiplied(a, b, later);
  const [rows, columns] = [only(a, b, later), only(b, a, later)];
  const size = (labels: readonly string[]): number => sizeOf(labels.map((label) => sizes.get(label)!));
  const x = arranged(a, [...batch, ...rows, ...inner]).reshape([size(batch), size(rows), size(inner)]);
  const y = arranged(b, [...batch, ...inner, ...columns]).reshape([size(batch), size(inner), size(columns)]);
  const labels = [...batch, ...rows, ...columns];
  return { x: matmul(x, y).view(labels.map((label) => sizes.get(label)!)), labels };
}

/** Nothing to sum over both: each against each, in the order in which what comes next wants them. */
function multiplied(a: Labelled, b: Labelled, later: ReadonlySet<string>): Labelled {
  const labels = [...later].filter((label) => a.labels.includes(label) || b.labels.includes(label));
  const [x, y] = [a, b].map((term) => {
    const own = arranged(
      term,
      labels.filter((label) => term.labels.includes(label)),
    );
    let dim = 0;
    return own.view(labels.map((label) => (term.labels.includes(label) ? own.shape[dim++]! : 1)));
  });
  return { x: x!.mul(y!), labels };
}

function entries({ x, labels }: Labelled): [string, number][] {
  return labels.map((label, dim) => [label, x.shape[dim]!]);
}

/** Without dimensions of size 1 that the other has in another size: they broadcast. */
function slim({ x, labels }: Labelled, other: Labelled): Labelled {
  const sizes = new Map(entries(other));
  const dropped = labels.flatMap((label, dim) => (x.shape[dim] === 1 && (sizes.get(label) ?? 1) !== 1 ? [dim] : []));
  if (dropped.length === 0) return { x, labels };
  return { x: x.squeeze(dropped), labels: labels.filter((_, dim) => !dropped.includes(dim)) };
}

/** Labels of one side that live on. Those that do not are summed when it is {@link arranged}. */
function only(own: Labelled, other: Labelled, later: ReadonlySet<string>): string[] {
  return own.labels.filter((label) => !other.labels.includes(label) && later.has(label));
}

/** The dimensions in this order, the others summed. */
function arranged({ x, labels }: Labelled, order: readonly string[]): Tensor {
  const gone = labels.flatMap((label, dim) => (order.includes(label) ? [] : [dim]));
  const summed = gone.length > 0 ? x.sum(gone) : x;
  const rest = labels.filter((label) => order.includes(label));
  return summed.permute(order.map((label) => rest.indexOf(label)));
}
