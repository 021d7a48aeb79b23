/**
 * A kernel being put together: the buffers that it binds, its numbers, and a key that says everything else about its
 * text, so that the text is only made for a key never seen before. Shapes and strides are numbers, hence a pipeline
 * serves every size. Reading a value that is only an expression writes the expression into the program.
 */
import type { DType } from "@dl/tensor";
import type { Cell, CellView, Expression, Operand } from "./cell.ts";
import { collapse } from "./layout.ts";
import type { Block } from "./memory.ts";
import { withFunctions } from "./wgsl/functions.ts";
import { Scope } from "./wgsl/scope.ts";
import { type Scalar, scalarOf, wrap } from "./wgsl/types.ts";

/** WGSL of an element, by the flat (row-major) index of the view, a u32. */
export type Reader = (scope: Scope, index: string) => string;
export type Writer = (scope: Scope, index: string, value: string) => void;

export const workgroup = 64;

export class Program {
  readonly uniforms: number[] = [];
  readonly blocks: Block[] = [];
  readonly #scalars: Scalar[] = [];
  readonly #access: ("r" | "w")[] = [];
  readonly #inlined = new Map<Cell, Reader>();
  #key: string;

  constructor(name: string) {
    this.#key = name;
  }

  get key(): string {
    return `${this.#key}/${this.access}`;
  }

  /** A letter per bound buffer. */
  get access(): string {
    return this.#access.join("");
  }

  /** Something else that decides the text. */
  note(part: string | number): void {
    this.#key += ` ${part}`;
  }

  /** A whole number of this launch, as u32; differences wrap, so negative strides work. */
  word(value: number): string {
    const at = this.uniforms.push(value >>> 0) - 1;
    return `u[${at >> 2}].${"xyzw"[at & 3]}`;
  }

  /** {@link word} for several numbers. */
  words<const N extends readonly number[]>(...values: N): { readonly [K in keyof N]: string } {
    return values.map((value) => this.word(value)) as never;
  }

  /** A number of this launch, as an element of `dtype`. */
  number(value: number, dtype: DType): string {
    if (scalarOf(dtype) === "i32") return `bitcast<i32>(${this.word(Math.trunc(value))})`;
    return `bitcast<f32>(${this.word(floatBits(value))})`;
  }

  read(operand: Operand, computes: DType): Reader {
    if (typeof operand === "number") {
      this.note("n");
      const text = wrap(computes, this.number(operand, computes));
      return (scope) => scope.let(text);
    }
    const place = this.place(operand);
    const load = this.#load(operand.cell);
    return (scope, index) => load(scope, place(scope, index));
  }

  /** Stores at the flat index of the view. Reads of the same buffer must come before, in each invocation. */
  write(view: CellView): Writer {
    const place = this.place(view);
    const slot = this.bind(view.cell.block!, scalarOf(view.cell.dtype), true);
    this.note(`>${slot}${view.cell.dtype}`);
    return (scope, index, value) => scope.line(`b${slot}[${place(scope, index)}] = ${value};`);
  }

  /** Makes room for a buffer among the bindings; one that is both read and written is bound once. */
  bind(block: Block, scalar: Scalar, write: boolean): number {
    let slot = this.blocks.indexOf(block);
    if (slot < 0) {
      slot = this.blocks.push(block) - 1;
      this.#scalars.push(scalar);
      this.#access.push("r");
    }
    if (write) this.#access[slot] = "w";
    return slot;
  }

  /** From the flat index of a view to the place in its cell. */
  place({ shape, strides, offset }: Omit<CellView, "cell">): (scope: Scope, index: string) => string {
    const dims = collapse(shape, strides);
    const letters = dims.map(({ stride }) => (stride === 0 ? "0" : stride === 1 ? "1" : "s"));
    this.note(`[${offset ? "+" : ""}${letters.join("")}]`);
    const base = offset ? this.word(offset) : "";
    const sizes = dims.map(({ size }, d) => (d === 0 ? "" : this.word(size)));
    const steps = dims.map(({ stride }) => (stride === 0 || stride === 1 ? "" : this.word(stride)));
    return (scope, index) => {
      const terms = base ? [base] : [];
      let rest = index;
      for (let d = dims.length - 1; d >= 0; d--) {
        const coordinate = d === 0 || letters[d] === "0" ? rest : scope.let(`${rest} % ${sizes[d]}`);
        if (letters[d] !== "0") terms.push(steps[d] ? `${coordinate} * ${steps[d]}` : coordinate);
        if (d > 0 && letters.slice(0, d).some((letter) => letter !== "0")) rest = scope.let(`${rest} / ${sizes[d]}`);
      }
      return scope.let(terms.join(" + ") || "0u");
    };
  }

  /** WGSL of the module that runs `body` once for each of `count` places. */
  each(count: string, body: (scope: Scope, index: string) => void, declarations = ""): string {
    const scope = new Scope();
    const index = scope.let(`group * ${workgroup}u + lane`);
    scope.line(`if (${index} >= ${count}) { return; }`);
    body(scope, index);
    return this.source(scope.lines, workgroup, declarations);
  }

  /** WGSL of the whole module; `main` gets the lines of the entry point. */
  source(main: readonly string[], size: number = workgroup, declarations = ""): string {
    const buffers = this.#scalars.map((scalar, slot) => {
      const access = this.#access[slot] === "w" ? "read_write" : "read";
      return `@group(0) @binding(${slot + 1}) var<storage, ${access}> b${slot}: array<${scalar}>;`;
    });
    return withFunctions(`@group(0) @binding(0) var<uniform> u: array<vec4<u32>, ${Math.max(Math.ceil(this.uniforms.length / 4), 1)}>;
${buffers.join("\n")}
${declarations}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = at.x + at.y * groups.x;
${main.map((line) => `  ${line}`).join("\n")}
}`);
  }

  /** The element of a cell at its own flat index. */
  #load(cell: Cell): Reader {
    if (cell.block) {
      const slot = this.bind(cell.block, scalarOf(cell.dtype), false);
      this.note(`<${slot}${scalarOf(cell.dtype)}`);
      return (scope, index) => scope.let(`b${slot}[${index}]`);
    }
    const known = this.#inlined.get(cell);
    if (known) {
      this.note(`=${[...this.#inlined.keys()].indexOf(cell)}`);
      return known;
    }
    const made = this.#inline(cell.expression!, cell.dtype);
    this.#inlined.set(cell, made);
    return made;
  }

  #inline({ key, row, inputs, computes }: Expression, dtype: DType): Reader {
    this.note(`(${key}:${computes}:${dtype}`);
    const readers = inputs.map((input) => this.read(input, computes));
    this.note(")");
    return (scope, index) => {
      const values = readers.map((reader) => reader(scope, index));
      return scope.let(wrap(dtype, row(values, index)));
    };
  }
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function floatBits(value: number): number {
  float[0] = value;
  return bits[0]!;
}
