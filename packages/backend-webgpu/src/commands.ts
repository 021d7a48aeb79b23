/**
 * Collects launches in one encoder and one compute pass. A batch is submitted to the queue when something is read, on
 * the next microtask, or when it is full. The uniforms of all launches are in one buffer, which is written once for
 * each batch.
 */
import type { Block, Clock } from "./memory.ts";
import type { Profile } from "./profile.ts";

export interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly id: number;
}

const batch = 64;
/** Uniforms are bound in slices of this size: WebGPU's alignment of dynamic offsets. */
const slice = 256;
const arenaBytes = 64 * 1024;
const maxGroups = 65_535;
const maxBindGroups = 8192;

export class Commands {
  readonly #device: GPUDevice;
  readonly #profile: Profile;
  readonly #clock: Clock;
  readonly #arena: GPUBuffer;
  readonly #words = new Uint32Array(arenaBytes / 4);
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  #used = 0;
  #count = 0;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #scheduled = false;

  constructor(device: GPUDevice, profile: Profile, clock: Clock) {
    this.#device = device;
    this.#clock = clock;
    this.#profile = profile;
    this.#arena = device.createBuffer({ size: arenaBytes, usage: 0x40 | 0x08 }); // UNIFORM | COPY_DST
  }

  /** Launches at least `groups` workgroups, in two dimensions if they are too many for one. */
  dispatch(compiled: Compiled, blocks: readonly Block[], words: readonly number[], groups: number): void {
    const bytes = Math.max(Math.ceil((words.length * 4) / slice), 1) * slice;
    if (this.#used + bytes > arenaBytes) this.flush();
    const offset = this.#used;
    this.#words.set(words, offset / 4);
    this.#used += bytes;
    for (const block of blocks) block.epoch = this.#clock.epoch;
    this.#pass ??= this.#open().beginComputePass();
    this.#pass.setPipeline(compiled.pipeline);
    this.#pass.setBindGroup(0, this.#bindGroup(compiled, blocks, bytes), [offset]);
    const rows = Math.ceil(groups / maxGroups);
    this.#pass.dispatchWorkgroups(Math.ceil(groups / rows), rows);
    this.#profile.dispatches++;
    if (++this.#count >= batch) this.flush();
  }

  copy(from: Block, fromByte: number, to: GPUBuffer, bytes: number): void {
    this.#pass?.end();
    this.#pass = null;
    from.epoch = this.#clock.epoch;
    this.#open().copyBufferToBuffer(from.buffer, fromByte, to, 0, bytes);
  }

  /** Submits the batch to the queue. */
  flush(): void {
    if (!this.#encoder) return;
    this.#pass?.end();
    if (this.#used) this.#device.queue.writeBuffer(this.#arena, 0, this.#words, 0, this.#used / 4);
    this.#device.queue.submit([this.#encoder.finish()]);
    this.#profile.submits++;
    this.#encoder = this.#pass = null;
    this.#used = this.#count = 0;
    this.#clock.epoch++;
  }

  #open(): GPUCommandEncoder {
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#encoder;
  }

  #bindGroup({ layout, id }: Compiled, blocks: readonly Block[], bytes: number): GPUBindGroup {
    let key = `${id}:${bytes}`;
    for (const block of blocks) key += `,${block.id}`;
    const known = this.#bindGroups.get(key);
    if (known) return known;
    if (this.#bindGroups.size >= maxBindGroups) this.#bindGroups.clear();
    const entries = [{ binding: 0, resource: { buffer: this.#arena, offset: 0, size: bytes } as GPUBufferBinding }];
    for (const { buffer } of blocks) entries.push({ binding: entries.length, resource: { buffer } });
    const made = this.#device.createBindGroup({ layout, entries });
    this.#bindGroups.set(key, made);
    this.#profile.bindGroups++;
    return made;
  }
}
