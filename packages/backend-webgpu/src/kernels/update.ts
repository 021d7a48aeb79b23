/** Optimizer steps: one launch a parameter, which reads the gradient (or computes it) and writes in place. */
import { sizeOf, type UpdateRule } from "@dl/tensor";
import type { CellView, Slot } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { isWhole, whole } from "../layout.ts";
import { Program } from "../program.ts";
import { updates } from "../wgsl/update.ts";

export type UpdateAttrs = Readonly<Record<string, number | boolean>>;

/**
 * Lines that turn `x0` (parameter), `x1`… (state) and `g` (gradient) into their new values. Flags decide the text,
 * numbers are passed by `number`.
 */
export type UpdateRow = (attrs: UpdateAttrs, number: (value: number) => string) => readonly string[];

interface Update {
  readonly rule: UpdateRule;
  readonly targets: readonly (readonly CellView[])[];
  readonly gradients: readonly CellView[];
  readonly attrs: UpdateAttrs;
}

/** Buffers that a gradient which is still a formula may read, beside four targets. */
const room = 4;

/** `slots[t * parameters + p]` holds target `t` of parameter `p`. */
export function update(engine: Engine, { rule, targets, gradients, attrs }: Update, slots: readonly Slot[]): boolean {
  const views = [...targets.flat(), ...gradients];
  if (!views.every(({ cell }) => cell.dtype === "float32") || !targets.flat().every(isWhole)) return false;
  gradients.forEach((gradient, p) => {
    const own = targets.map((_, t) => slots[t * gradients.length + p]!);
    step(engine, rule, attrs, own, gradient);
  });
  return true;
}

function step(engine: Engine, rule: UpdateRule, attrs: UpdateAttrs, slots: readonly Slot[], gradient: CellView): void {
  engine.settle([gradient], room);
  const cells = slots.map((slot) => engine.own(slot));
  const program = new Program(rule);
  for (const [name, value] of Object.entries(attrs)) if (typeof value === "boolean") program.note(`${name}${value}`);
  for (const [name, value] of Object.entries(attrs)) if (value === 0) program.note(`no ${name}`);
  const readers = [gradient, ...cells.map(whole)].map((view) => program.read(view, "float32"));
  const writers = cells.map((cell) => program.write(whole(cell)));
  const lines = updates[rule](attrs, (value) => program.number(value, "float32"));
  engine.each(program, sizeOf(gradient.shape), (scope, index) => {
    for (const [at, reader] of readers.entries())
      scope.line(`var ${at ? `x${at - 1}` : "g"} = ${reader(scope, index)};`);
    for (const line of lines) scope.line(line);
    for (const [at, writer] of writers.entries()) writer(scope, index, `x${at}`);
  });
}
