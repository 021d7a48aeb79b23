/** Compiled programs by key, and bind group layouts by what is bound. */
import type { Compiled } from "./commands.ts";
import type { Profile } from "./profile.ts";

interface Layout {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
  readonly id: number;
}

const compute = 4; // GPUShaderStage.COMPUTE

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #profile: Profile;
  readonly #pipelines = new Map<string, Compiled>();
  readonly #layouts = new Map<string, Layout>();

  constructor(device: GPUDevice, profile: Profile) {
    this.#device = device;
    this.#profile = profile;
  }

  /** `access`: a letter per bound buffer, `w` where the program writes. `source` runs only when the key is new. */
  get(key: string, access: string, source: () => string): Compiled {
    const known = this.#pipelines.get(key);
    if (known) return known;
    const layout = this.#layout(access);
    const module = this.#device.createShaderModule({ code: source(), label: key });
    const pipeline = this.#device.createComputePipeline({ layout: layout.pipeline, compute: { module }, label: key });
    const compiled = { pipeline, layout: layout.group, id: layout.id };
    this.#pipelines.set(key, compiled);
    this.#profile.pipelines++;
    return compiled;
  }

  #layout(access: string): Layout {
    const known = this.#layouts.get(access);
    if (known) return known;
    const entries: GPUBindGroupLayoutEntry[] = [
      { binding: 0, visibility: compute, buffer: { type: "uniform", hasDynamicOffset: true } },
    ];
    for (const letter of access) {
      const type = letter === "w" ? "storage" : "read-only-storage";
      entries.push({ binding: entries.length, visibility: compute, buffer: { type } });
    }
    const group = this.#device.createBindGroupLayout({ entries });
    const pipeline = this.#device.createPipelineLayout({ bindGroupLayouts: [group] });
    const layout = { group, pipeline, id: this.#layouts.size };
    this.#layouts.set(access, layout);
    return layout;
  }
}
