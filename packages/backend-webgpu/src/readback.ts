/** Copies from the device to the host, through pooled staging buffers: the one place that waits. */
import type { Commands } from "./commands.ts";
import { type Block, sizeClass } from "./memory.ts";
import type { Profile } from "./profile.ts";
import type { Pump } from "./pump.ts";

/** Bytes of a block; offsets and lengths are multiples of 4. */
export interface Region {
  readonly block: Block;
  readonly offset: number;
  readonly bytes: number;
}

interface Flight {
  readonly buffers: readonly GPUBuffer[];
  readonly regions: readonly Region[];
  readonly mapped: Promise<unknown>;
}

const usage = 0x01 | 0x08; // MAP_READ | COPY_DST
const mapRead = 1; // GPUMapMode.READ
/** Staging buffers kept for reuse, the latest: a training loop reads one small thing at a time. */
const kept = 16;
const keptBytes = 64 * 2 ** 20;

export class Readback {
  readonly #device: GPUDevice;
  readonly #commands: Commands;
  readonly #profile: Profile;
  readonly #pool: GPUBuffer[] = [];

  constructor(device: GPUDevice, commands: Commands, profile: Profile) {
    this.#device = device;
    this.#commands = commands;
    this.#profile = profile;
  }

  async read(regions: readonly Region[]): Promise<ArrayBuffer[]> {
    const flight = this.#start(regions);
    await flight.mapped;
    return this.#land(flight);
  }

  readSync(regions: readonly Region[], pump: Pump): ArrayBuffer[] {
    const flight = this.#start(regions);
    flight.mapped.catch(() => {}); // told by the state below
    pump(() => flight.buffers.every(({ mapState }) => mapState !== "pending"));
    if (flight.buffers.some(({ mapState }) => mapState !== "mapped")) throw new Error("the buffer could not be mapped");
    return this.#land(flight);
  }

  #start(regions: readonly Region[]): Flight {
    const buffers = regions.map(({ block, offset, bytes }) => {
      const staging = this.#take(bytes);
      this.#commands.copy(block, offset, staging, bytes);
      return staging;
    });
    this.#commands.flush();
    const mapped = Promise.all(buffers.map((staging, at) => staging.mapAsync(mapRead, 0, regions[at]!.bytes)));
    return { buffers, regions, mapped };
  }

  #land({ buffers, regions }: Flight): ArrayBuffer[] {
    return buffers.map((staging, at) => {
      const { bytes } = regions[at]!;
      const data = staging.getMappedRange(0, bytes).slice(0);
      staging.unmap();
      this.#keep(staging);
      this.#profile.downloaded += bytes;
      return data;
    });
  }

  #keep(staging: GPUBuffer): void {
    this.#pool.push(staging);
    let bytes = this.#pool.reduce((sum, { size }) => sum + size, 0);
    while (this.#pool.length > kept || bytes > keptBytes) {
      const oldest = this.#pool.shift()!;
      bytes -= oldest.size;
      oldest.destroy();
    }
  }

  #take(bytes: number): GPUBuffer {
    const size = sizeClass(bytes);
    const at = this.#pool.findIndex((staging) => staging.size === size);
    if (at >= 0) return this.#pool.splice(at, 1)[0]!;
    this.#profile.buffers++;
    return this.#device.createBuffer({ size, usage });
  }
}
