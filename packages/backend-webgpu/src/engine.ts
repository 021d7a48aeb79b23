/**
 * What kernels are written with: values (cells), their memory, and launches. Element-wise calls are deferred as
 * expressions; `materialize` computes one as a single kernel, together with all expressions inlined in it.
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

/**
 * The most buffers that an expression reads. WebGPU guarantees 8 storage buffers, of which the kernel needs some
 * itself.
 */
const maxLeaves = 6;
/** The most calls in an expression, so that shader texts stay short. */
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

  /** Allocates memory for a new value, which the next launches fill. */
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

  /** Frees a value that a kernel made as a temporary, unless something else holds it by now. */
  drop(cell: Cell): void {
    this.release(this.retain(cell));
  }

  /** Defers an element-wise call. */
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
   * Decides which expressions among a consumer's inputs it inlines; the others are computed in memory. Inlining an
   * expression costs nothing the first time, so only the first consumer may, provided that it reads each element only
   * once and needs at most `room` buffers for all inputs.
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

  /** Returns the memory of a value, which is computed first if it is only an expression. */
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

  /**
   * Makes sure that a slot's cell is in memory and may be written: if something else holds it, the slot gets a copy.
   */
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

  /** Launches one invocation for each element: `view[i] = value(i)`. */
  map(program: Program, value: Reader, view: CellView, length: number): void {
    const write = program.write(view);
    this.each(program, length, (scope, index) => write(scope, index, value(scope, index)));
  }

  /** Launches one invocation for each of `length` places; `body` writes its WGSL. */
  each(program: Program, length: number, body: (scope: Scope, index: string) => void, declarations = ""): void {
    const count = program.word(length);
    this.launch(program, Math.ceil(length / workgroup), () => program.each(count, body, declarations));
  }

  launch(program: Program, groups: number, source: () => string): void {
    if (groups === 0) return;
    const compiled = this.pipelines.get(program.key, program.access, source);
    this.commands.dispatch(compiled, program.blocks, program.uniforms, groups);
  }

  /** Drops the expression of a cell, and releases its inputs. */
  #forget(cell: Cell): void {
    const inputs = cell.expression?.inputs ?? [];
    cell.expression = null;
    for (const input of inputs) if (typeof input !== "number") this.release(input.cell);
  }
}

function leavesOf(cell: Cell): number {
  return cell.expression ? cell.expression.leaves : 1;
}
