/**
 * What kernels work with: values (cells), their memory, and launching. Element-wise calls are remembered as expressions;
 * `materialize` launches one, with everything unlaunched inside it, as one kernel.
 */
import { type DType, sizeOf } from "@dl/tensor";
import { type Cell, type CellView, newCell, type Operand, type Row, type Slot } from "./cell.ts";
import { Commands } from "./commands.ts";
import { donor } from "./donor.ts";
import { whole } from "./layout.ts";
import { type Block, type Clock, Memory } from "./memory.ts";
import { Pipelines } from "./pipelines.ts";
import { newProfile } from "./profile.ts";
import { Program, type Reader, workgroup } from "./program.ts";
import { Status } from "./status.ts";
import type { Scope } from "./wgsl/scope.ts";
import { checkNumber } from "./words.ts";

/** WebGPU grants 8 storage buffers: at most this many are read by an expression, the rest is the kernel's own. */
const maxLeaves = 6;
/** Longer chains are cut, so that texts stay short. */
const maxSize = 32;

export class Engine {
  readonly profile = newProfile();
  readonly memory: Memory;
  readonly commands: Commands;
  readonly pipelines: Pipelines;
  readonly status: Status;

  constructor(device: GPUDevice, memoryLimit: number) {
    const clock: Clock = { epoch: 1 };
    this.commands = new Commands(device, this.profile, clock);
    this.memory = new Memory(device, this.profile, clock, memoryLimit, () => this.commands.flush());
    this.pipelines = new Pipelines(device, this.profile);
    this.status = new Status(this.memory);
  }

  /** A new value in memory, to be filled by the next launches. */
  allocate(dtype: DType, length: number): Cell {
    return newCell(dtype, length, this.memory.take(length * 4), null);
  }

  retain(cell: Cell): Cell {
    cell.references++;
    return cell;
  }

  release(cell: Cell): void {
    if (--cell.references > 0) return;
    if (cell.block) this.memory.give(cell.block);
    cell.block = null;
    this.#forget(cell);
  }

  /** Frees a value that a kernel made for itself, unless something came to hold it. */
  drop(cell: Cell): void {
    this.release(this.retain(cell));
  }

  /** Remembers an element-wise call. */
  express(key: string, row: Row, inputs: readonly Operand[], computes: DType, dtype: DType, length: number): Cell {
    for (const input of inputs) if (typeof input === "number") checkNumber(input, computes);
    this.settle(inputs, maxLeaves);
    let size = 1;
    let leaves = 0;
    const seen = new Set<Cell>();
    for (const input of inputs) {
      if (typeof input === "number") continue;
      this.retain(input.cell);
      if (seen.has(input.cell)) continue;
      seen.add(input.cell);
      size += input.cell.expression?.size ?? 0;
      leaves += leavesOf(input.cell);
    }
    return newCell(dtype, length, null, { key, row, inputs, computes, size, leaves: Math.max(leaves, 1) });
  }

  /**
   * Decides which of a consumer's inputs it inlines; the others are in memory afterwards. Inlined once is free, so only
   * the first consumer may, if it reads each element once and binds at most `room` buffers for them.
   */
  settle(inputs: readonly Operand[], room: number): void {
    const views = inputs.filter((input) => typeof input !== "number");
    const seen = new Set<Cell>();
    let size = 1;
    let left = room - views.length;
    for (const { cell, shape } of views) {
      if (seen.has(cell)) continue;
      seen.add(cell);
      const { expression, inlined } = cell;
      const once = expression && !inlined && sizeOf(shape) <= cell.length;
      if (once && size + expression.size <= maxSize && expression.leaves - 1 <= left) {
        cell.inlined = true;
        size += expression.size;
        left -= expression.leaves - 1;
      } else this.materialize(cell);
    }
  }

  /** The memory of a value; computes it if it was only an expression. */
  materialize(cell: Cell): Block {
    if (cell.block) return cell.block;
    const given = donor(cell);
    const block = given?.block ?? this.memory.take(cell.length * 4);
    const program = new Program("map");
    const value = program.read(whole(cell), cell.dtype);
    this.map(program, value, whole(newCell(cell.dtype, cell.length, block, null)), cell.length);
    if (given) given.block = null;
    cell.block = block;
    this.#forget(cell);
    return block;
  }

  /** A slot's cell, in memory and held by nobody else, hence free to be written; a copy where others hold it. */
  own(slot: Slot): Cell {
    const { cell } = slot;
    this.materialize(cell);
    if (cell.references === 1) return cell;
    const program = new Program("own");
    const copy = this.retain(this.allocate(cell.dtype, cell.length));
    this.map(program, program.read(whole(cell), cell.dtype), whole(copy), cell.length);
    this.release(cell);
    slot.cell = copy;
    return copy;
  }

  /** One invocation an element: `view[i] = value(i)`. */
  map(program: Program, value: Reader, view: CellView, length: number): void {
    const write = program.write(view);
    this.each(program, length, (scope, index) => write(scope, index, value(scope, index)));
  }

  /** One invocation for each of `length` places: `body` writes. */
  each(program: Program, length: number, body: (scope: Scope, index: string) => void, declarations = ""): void {
    const count = program.word(length);
    this.launch(program, Math.ceil(length / workgroup), () => program.each(count, body, declarations));
  }

  launch(program: Program, groups: number, source: () => string): void {
    if (groups === 0) return;
    const compiled = this.pipelines.get(program.key, program.access, source);
    this.commands.dispatch(compiled, program.blocks, program.uniforms, groups);
  }

  /** Lets go of what an expression held. */
  #forget(cell: Cell): void {
    const inputs = cell.expression?.inputs ?? [];
    cell.expression = null;
    for (const input of inputs) if (typeof input !== "number") this.release(input.cell);
  }
}

function leavesOf(cell: Cell): number {
  return cell.expression ? cell.expression.leaves : 1;
}
