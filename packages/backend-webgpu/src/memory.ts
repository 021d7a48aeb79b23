/**
 * Device memory: buffers by size class, kept for reuse. Making a buffer costs as much as dozens of launches, so none is
 * given back until the pool must shrink. `epoch` numbers the batch of commands that is being recorded: what it uses may
 * be reused by later commands of the queue, but neither written from the host nor destroyed before it is submitted.
 */
import { fail, failExhausted } from "@dl/tensor";
import type { Profile } from "./profile.ts";

/** Numbers the batch of commands that is being recorded. */
export interface Clock {
  epoch: number;
}

export interface Block {
  readonly buffer: GPUBuffer;
  readonly id: number;
  readonly bytes: number;
  /** The batch of commands that used it last. */
  epoch: number;
}

/** Four classes per doubling: at most a quarter of a block is slack. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

/** Less that lies idle is not worth making anew. */
const idleFloor = 64 * 2 ** 20;

const usage = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST

export class Memory {
  /** Bytes in blocks that values hold. */
  used = 0;
  /** The most that `used` was. */
  peak = 0;
  /** Bytes in all blocks. */
  reserved = 0;
  readonly #device: GPUDevice;
  readonly #profile: Profile;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #submit: () => void;
  readonly #free = new Map<number, Block[]>();
  /** Blocks in all, by size. */
  readonly #made = new Map<number, number>();
  /** Bytes that were made since idle blocks were last destroyed. */
  #fresh = 0;
  #ids = 0;

  constructor(device: GPUDevice, profile: Profile, clock: Clock, limit: number, submit: () => void) {
    this.#device = device;
    this.#clock = clock;
    this.#profile = profile;
    this.#limit = limit;
    this.#submit = submit;
  }

  /** `hostWrites`: the caller writes to it by the queue, so commands that wait to be submitted must not use it. */
  take(bytes: number, hostWrites = false): Block {
    const size = sizeClass(bytes);
    const list = this.#free.get(size) ?? [];
    const at = hostWrites ? list.findLastIndex(({ epoch }) => epoch !== this.#clock.epoch) : list.length - 1;
    const block = at < 0 ? this.#create(size) : list.splice(at, 1)[0]!;
    this.used += size;
    if (this.used > this.peak) this.peak = this.used;
    return block;
  }

  /** For few and small things: written by the queue. */
  takeZeroed(bytes: number): Block {
    const block = this.take(bytes, true);
    this.write(block, new Uint32Array(Math.ceil(bytes / 4)));
    return block;
  }

  /** Copies host data into a block that was taken for that. */
  write(block: Block, data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    this.#device.queue.writeBuffer(block.buffer, 0, data);
  }

  give(block: Block): void {
    this.used -= block.bytes;
    const list = this.#free.get(block.bytes);
    if (list) list.push(block);
    else this.#free.set(block.bytes, [block]);
  }

  /** Destroys what no value holds. */
  trim(): void {
    if (this.reserved > this.used) this.#submit();
    for (const list of this.#free.values()) {
      for (const { buffer, bytes } of list) {
        buffer.destroy();
        this.reserved -= bytes;
      }
    }
    for (const [size, list] of this.#free) this.#made.set(size, this.#made.get(size)! - list.length);
    this.#free.clear();
    this.#fresh = 0;
  }

  #create(size: number): Block {
    this.#checkSize(size);
    if (this.reserved + size > this.#limit || this.#isIdle) this.trim();
    if (this.reserved + size > this.#limit) this.#fail(size);
    this.reserved += size;
    this.#fresh += size;
    this.#made.set(size, (this.#made.get(size) ?? 0) + 1);
    this.#profile.buffers++;
    return { buffer: this.#device.createBuffer({ size, usage }), id: ++this.#ids, bytes: size, epoch: 0 };
  }

  /** Where sizes change from step to step, blocks of other sizes pile up; a steady loop makes none and keeps all. */
  get #isIdle(): boolean {
    const idle = this.reserved - this.used;
    return idle > Math.max(idleFloor, this.used / 4) && this.#fresh > this.reserved / 4;
  }

  #fail(needed: number): never {
    const blocks = [...this.#made].map(([size, count]) => [size, count - (this.#free.get(size)?.length ?? 0)] as const);
    const raise = "createWebGPU({ memoryLimit })";
    return failExhausted({ device: "webgpu", needed, limit: this.#limit, blocks, raise });
  }

  #checkSize(size: number): void {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#device.limits;
    const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    if (size > most) {
      fail("webgpu", `a tensor of ${mib(size)} exceeds this device's limit of ${mib(most)}`, "Use smaller tensors");
    }
  }
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
