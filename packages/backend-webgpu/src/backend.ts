/** The backend: storages, calls and reads of `@dl/tensor`, in terms of the engine's cells. */
import {
  type Backend,
  type DType,
  type FusedOp,
  fail,
  isContiguous,
  type KernelCall,
  type KernelInput,
  type KernelOp,
  type MemoryReport,
  Pressure,
  type Storage,
  sizeOf,
  type TypedArray,
  type UpdateCall,
  type View,
} from "@dl/tensor";
import { type Cell, type CellView, GPUStorage, newCell, type Operand, type Slot } from "./cell.ts";
import { Engine } from "./engine.ts";
import { kernels } from "./kernels/index.ts";
import type { Call, Kernel } from "./kernels/kernel.ts";
import { update } from "./kernels/update.ts";
import { isWhole, whole } from "./layout.ts";
import type { Profile } from "./profile.ts";
import { Program } from "./program.ts";
import type { Pump } from "./pump.ts";
import { Readback, type Region } from "./readback.ts";
import { statusBytes } from "./status.ts";
import { supported } from "./wgsl/types.ts";
import { codingOf, fromWords, toWords } from "./words.ts";

interface Opened {
  /** Held: in Node, Dawn crashes the process when the object that made a live device is collected. */
  readonly gpu: GPU;
  readonly device: GPUDevice;
  readonly pump: Pump | null;
  readonly memoryLimit: number;
}

/** What a buffer costs the host beside its bytes. */
const unseen = 8192;

export class WebGPUBackend implements Backend {
  readonly device = "webgpu";
  readonly dtypes: ReadonlySet<DType> = supported;
  /** Present where the host can wait: Node. */
  readonly readSync?: (view: View) => TypedArray;
  readonly #opened: Opened;
  readonly #engine: Engine;
  readonly #readback: Readback;
  readonly #pressure: Pressure;
  readonly #collected: FinalizationRegistry<Slot>;
  #storages = 0;
  /** Why nothing works any more. */
  #failure: string | null = null;
  /** What the device refused since the last read. */
  #refused: string | null = null;

  /** @internal Made by `createWebGPU`. */
  constructor(opened: Opened) {
    const { device, pump, memoryLimit } = opened;
    this.#opened = opened;
    this.#engine = new Engine(device, memoryLimit);
    this.#readback = new Readback(device, this.#engine.commands, this.#engine.profile);
    const held = (): number => this.#engine.memory.used + this.#storages * unseen;
    this.#pressure = new Pressure(held, () => memoryLimit);
    this.#collected = new FinalizationRegistry((slot) => this.#drop(slot));
    if (pump) this.readSync = (view) => this.#readNow(view, pump);
    device.lost.then(({ reason, message }) => {
      this.#failure ??= `the device was lost (${reason}): ${message}`;
    }, reportNothing);
    device.addEventListener("uncapturederror", ({ error }) => {
      this.#refused ??= error.message;
    });
  }

  /** Counts of launches, buffers, pipelines and bytes since the start. */
  get profile(): Readonly<Profile> {
    return { ...this.#engine.profile };
  }

  supports(op: KernelOp | FusedOp): boolean {
    return op in kernels;
  }

  upload(data: TypedArray, dtype: DType): Storage {
    this.#check();
    const { memory, profile } = this.#engine;
    const words = toWords(data, dtype);
    const block = memory.take(words.byteLength, true);
    memory.write(block, words);
    profile.uploaded += words.byteLength;
    return this.#store(newCell(dtype, data.length, block, null));
  }

  allocate(dtype: DType, length: number): Storage {
    this.#check();
    codingOf(dtype);
    return this.#store(this.#engine.allocate(dtype, length));
  }

  run(call: KernelCall): readonly Storage[] {
    return this.#launch(call).map((cell) => this.#store(cell));
  }

  runInto(call: KernelCall, target: View): void {
    const [cell, ...others] = this.#launch(call);
    for (const other of others) this.#engine.drop(other);
    this.#assign(target, cell!);
  }

  update(call: UpdateCall): boolean {
    this.#check();
    const lists = call.targets.map((list) => list.map((view) => viewOf(view)));
    const slots = call.targets.flat().map(slotOf);
    return update(this.#engine, { ...call, targets: lists, gradients: call.gradients.map(viewOf) }, slots);
  }

  async read(view: View): Promise<TypedArray> {
    const cell = this.#hold(view);
    if (!cell) return fromWords(new ArrayBuffer(0), view.dtype);
    try {
      const [data, status] = await this.#readback.read(this.#regionsOf(cell, view));
      return this.#finishRead(data!, status, view.dtype);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#engine.release(cell);
    }
  }

  /** Gives the queue what was launched. Element-wise calls that nobody needed yet stay formulas. */
  flush(): void {
    this.#engine.commands.flush();
  }

  memory(): MemoryReport {
    const { used, reserved, peak } = this.#engine.memory;
    return { bytes: used, buffers: this.#storages, reserved, peak };
  }

  resetPeak(): void {
    this.#engine.memory.peak = this.#engine.memory.used;
  }

  reclaim(): Promise<void> | undefined {
    return this.#pressure.relieve();
  }

  /** Destroys pooled buffers that no tensor uses. */
  trim(): void {
    this.#engine.memory.trim();
  }

  /** Closes the device. Tensors on it are lost. */
  destroy(): void {
    this.#failure = "the backend was destroyed";
    this.#opened.device.destroy();
  }

  #readNow(view: View, pump: Pump): TypedArray {
    const cell = this.#hold(view);
    if (!cell) return fromWords(new ArrayBuffer(0), view.dtype);
    try {
      const [data, status] = this.#readback.readSync(this.#regionsOf(cell, view), pump);
      return this.#finishRead(data!, status, view.dtype);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#engine.release(cell);
    }
  }

  /** What to copy back: the window itself where it is contiguous, a row-major copy of it else. */
  #hold(view: View): Cell | undefined {
    this.#check();
    const length = sizeOf(view.shape);
    if (length === 0) return undefined;
    const source = viewOf(view);
    const straight = isContiguous(source.shape, source.strides);
    const engine = this.#engine;
    return engine.retain(
      straight ? source.cell : engine.express("copy", ([x]) => x!, [source], view.dtype, view.dtype, length),
    );
  }

  /** Where in memory that is, and the status beside it. */
  #regionsOf(cell: Cell, view: View): readonly Region[] {
    const block = this.#engine.materialize(cell);
    const offset = cell === slotOf(view).cell ? view.offset * 4 : 0;
    const regions: Region[] = [{ block, offset, bytes: sizeOf(view.shape) * 4 }];
    const status = this.#engine.status.block;
    if (status) regions.push({ block: status, offset: 0, bytes: statusBytes });
    return regions;
  }

  #finishRead(data: ArrayBuffer, status: ArrayBuffer | undefined, dtype: DType): TypedArray {
    this.#check();
    const refused = this.#refused;
    this.#refused = null;
    if (refused) fail("webgpu", `the device refused a command, results since the last read are lost: ${refused}`);
    if (status) this.#engine.status.report(new Int32Array(status));
    return fromWords(data, dtype);
  }

  #launch(call: KernelCall): readonly Cell[] {
    this.#check();
    const kernel = kernels[call.op as KernelOp] as Kernel<KernelOp> | undefined;
    if (!kernel) {
      return fail(
        call.op,
        "the webgpu backend has no kernel for it",
        'Move the tensors: await x.cpu(), or x.to("cpu")',
      );
    }
    for (const { dtype } of call.outputs) codingOf(dtype);
    return kernel(this.#engine, { ...call, inputs: call.inputs.map(operandOf) } as unknown as Call<KernelOp>);
  }

  /** Gives `target` the elements of a new cell: by renaming where it is a whole storage, else by writing. */
  #assign(target: View, cell: Cell): void {
    const slot = slotOf(target);
    const engine = this.#engine;
    if (isWhole(viewOf(target))) {
      engine.retain(cell);
      engine.release(slot.cell);
      slot.cell = cell;
      return;
    }
    engine.retain(cell);
    if (slot.cell.references > 1) engine.materialize(cell); // it may be a formula of the memory to be written
    const place = { ...viewOf(target), cell: engine.own(slot) };
    const program = new Program("write");
    engine.map(program, program.read(whole(cell), cell.dtype), place, cell.length);
    engine.release(cell);
  }

  #store(cell: Cell): GPUStorage {
    const slot = { cell: this.#engine.retain(cell) };
    const storage = new GPUStorage(this, slot, (dropped, owner) => {
      this.#collected.unregister(owner);
      this.#drop(dropped);
    });
    this.#collected.register(storage, slot, storage);
    this.#storages++;
    this.#pressure.relieveSoon();
    return storage;
  }

  #drop(slot: Slot): void {
    this.#storages--;
    this.#engine.release(slot.cell);
  }

  #check(): void {
    if (this.#failure) this.#throwFailure(this.#failure);
  }

  #throwFailure(what: string): never {
    return fail("webgpu", what, "Open another with registerBackend(await createWebGPU()) and make the tensors anew");
  }

  #explain(error: unknown): unknown {
    if (error instanceof Error && error.name === "TensorError") return error;
    try {
      return this.#throwFailure(this.#failure ?? `reading failed: ${String(error)}`);
    } catch (explained) {
      return explained;
    }
  }
}

function reportNothing(): void {}

function slotOf(view: View): Slot {
  return (view.storage as GPUStorage).slot;
}

function viewOf(view: View): CellView {
  const { shape, strides, offset } = view;
  return { cell: slotOf(view).cell, shape, strides, offset };
}

function operandOf(input: KernelInput): Operand {
  return typeof input === "number" ? input : viewOf(input);
}
