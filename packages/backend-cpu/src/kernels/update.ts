/** Optimizer steps: one pass over each parameter and its state, in place. */
import { type DType, isContiguous, sizeOf, type UpdateCall, type View } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { type Expr, type Local, type Module, op, select } from "../wasm/emitter.ts";
import { access, loadPacked, storeFirst, storePacked } from "./access.ts";
import { input, type NumberType } from "./expression.ts";
import { Tools } from "./helpers.ts";
import { Lowering } from "./lower.ts";
import { withTemporaries } from "./temporary.ts";
import { type Rule, rules } from "./update-rules.ts";

type Pointer = Local<"i32">;

/** Elements that a thread takes at once. */
const PER = 2 ** 14;

/**
 * Steps all parameters, or none: `false` where some are of another dtype than floats of 32 or 64 bits, or not row-major.
 * Whatever takes memory comes before the first step, so that none is taken where it runs out.
 */
export function update({ rule, targets, gradients, attrs }: UpdateCall): boolean {
  const row = rules[rule];
  const lists = targets.slice(0, 1 + row.states(attrs));
  const places = gradients.map((_, i) => lists.map((list) => list[i]!));
  if (!gradients.every((gradient, i) => fits(gradient, places[i]!))) return false;
  const key = [rule, ...row.switches.map((name) => Number(Boolean(attrs[name])))].join("");
  withTemporaries(gradients[0]!, (temporaries) => {
    const addresses = gradients.map((gradient, i) => [...places[i]!, temporaries.rowMajor(gradient)].map(addressOf));
    gradients.forEach((gradient, i) => {
      stepOne(key, row, attrs, gradient, addresses[i]!);
    });
  });
  return true;
}

function fits({ dtype }: View, places: readonly View[]): boolean {
  if (dtype !== "float32" && dtype !== "float64") return false;
  return places.every((view) => view.dtype === dtype && isContiguous(view.shape, view.strides));
}

function stepOne(name: string, row: Rule, attrs: UpdateCall["attrs"], like: View, addresses: readonly number[]): void {
  const { shape, dtype } = like;
  const count = sizeOf(shape);
  const key = `${name} ${dtype}`;
  engine.module(key, (m) => buildStep(m, row, attrs, dtype));
  const numbers = row.numbers(attrs);
  threads.parallel(key, "step", Math.ceil(count / per(count)), [per(count), count, ...addresses, ...numbers]);
}

function per(count: number): number {
  return Math.max(PER, Math.ceil(count / 4096 / 16) * 16);
}

/** Exports `step` over a chunk of `per` elements; tails go as part of a vector, so that places do not matter. */
function buildStep(m: Module, row: Rule, attrs: UpdateCall["attrs"], dtype: DType): void {
  const at = access[dtype];
  const type: NumberType = dtype === "float64" ? "f64" : "f32";
  const lanes = dtype === "float64" ? 2 : 4;
  const { arrays, numbers, trees } = stepOf(row, attrs, type);
  const tools = new Tools(m, trees);
  m.func("step", ["chunk", "chunks", "per", "count", ...arrays, ...numbers], (f, locals) => {
    const named = locals as unknown as Readonly<Record<string, Expr>>;
    const word = (name: string) => named[name] as Pointer;
    const first = f.let(op("i32.mul", word("chunk"), word("per")));
    const pointers = arrays.map((name) => f.let(op("i32.add", word(name), op("i32.mul", first, at.bytes))));
    const rest = f.let(op("i32.sub", word("count"), first));
    const left = f.let(select(op("i32.lt_s", rest, word("per")), rest, word("per")));
    const constants = numbers.map((_, i) => f.let(repeated(type, named[`number${i}`] as Expr<"f64">)));
    const code = new Lowering(f, trees, lanes, tools);
    const visit = (store: (pointer: Pointer, value: Expr<"v128">) => void): void => {
      const xs = pointers.map((pointer) => f.let(loadPacked(at, lanes, pointer)));
      const values = code.emit(trees, [...xs, ...constants]).map((value) => f.let(value as Expr<"v128">));
      for (const [i, value] of values.entries()) store(pointers[i]!, value);
    };
    f.while(op("i32.ge_s", left, lanes), () => {
      visit((pointer, value) => storePacked(f, at, lanes, pointer, value));
      for (const pointer of pointers) f.inc(pointer, 16);
      f.inc(left, -lanes);
    });
    f.if(op("i32.gt_s", left, 0), () => visit((pointer, value) => storeFirst(f, at, lanes, left, pointer, value)));
  });
}

/** The parameters of a step, and what it makes of the parameter and its states. */
function stepOf(row: Rule, attrs: UpdateCall["attrs"], type: NumberType) {
  const states = Array.from({ length: row.states(attrs) }, (_, i) => `state${i}`);
  const numbers = row.numbers(attrs).map((_, i) => `number${i}:f64`);
  const arrays = ["parameter", ...states, "gradient"];
  const slots = [...arrays, ...numbers].map((_, i) => input(i, type));
  const given = slots.slice(arrays.length);
  const trees = row.step(attrs, slots[0]!, slots.slice(1, 1 + states.length), slots[arrays.length - 1]!, given);
  return { arrays, numbers, trees };
}

function repeated(type: NumberType, value: Expr<"f64">): Expr<"v128"> {
  return type === "f64" ? op("f64x2.splat", value) : op("f32x4.splat", op("f32.demote_f64", value));
}
