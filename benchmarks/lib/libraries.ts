// One row per library: how its child process is started, and what to say where it is not installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Library {
  /** The name in the rows. */
  readonly name: string;
  /** The name on the command line: one peer may have several backends. */
  readonly peer: string;
  /** False where it has one thread in Node, whatever is asked: it is then timed once. */
  readonly threaded: boolean;
  /** Why it cannot be run here, if so. */
  readonly missing: () => string | undefined;
  /** The command in front of the spec. */
  readonly command: readonly [file: string, ...args: string[]];
  readonly env?: (threads: number) => Record<string, string>;
  /** What every row of it has to say. */
  readonly note?: string;
}

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

const loader = ["--import", import.meta.resolve("tsx")];

/** A child in TypeScript, or one that imports our timing: plain Node with a loader, and packages as users get them. */
const script = (path: string, ...args: string[]): [string, ...string[]] => [
  process.execPath,
  ...loader,
  here(path),
  ...args,
];

const npmMissing = (name: string) => () =>
  existsSync(here(`peers/node_modules/${name}/package.json`))
    ? undefined
    : `${name} is not installed (npm run bench -- --install-peers)`;

const python = "/usr/bin/python3";
const openblas = "/usr/lib/x86_64-linux-gnu/openblas-openmp";

/** PyTorch at its fair best: an untuned one is up to three times slower, and would flatter us. */
function torchMissing(): string | undefined {
  const remedy = "apt-get install python3-torch libopenblas0-openmp";
  const probe = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)";
  if (!existsSync(python) || spawnSync(python, ["-c", probe]).status !== 0) return `not installed (${remedy})`;
  return existsSync(openblas) ? undefined : `it is slower than it can be without OpenMP's OpenBLAS (${remedy})`;
}

/** OpenBLAS and ATen die of an illegal instruction where AVX-512 is forced on a processor that lacks it. */
export function torchEnv(threads: number, cpuinfo = readCpuinfo()): Record<string, string> {
  const avx512 = /\bavx512f\b/.test(cpuinfo) && /\bavx512dq\b/.test(cpuinfo);
  return {
    ...(avx512 ? { OPENBLAS_CORETYPE: "SKYLAKEX", ATEN_CPU_CAPABILITY: "avx512" } : {}),
    LD_LIBRARY_PATH: openblas,
    GLIBC_TUNABLES: "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8589934592:glibc.malloc.top_pad=268435456",
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
  };
}

const readCpuinfo = (): string => (existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "");

export const ours: Library = {
  name: "dl",
  peer: "dl",
  threaded: true,
  missing: () => undefined,
  command: script("ours.ts"),
};

/** Ours on another Node than the one that runs this, with V8 flags of its own. */
export function oursOn(node: string, flags: readonly string[]): Library {
  const { status, stdout } = spawnSync(node, [...flags, "--version"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${[node, ...flags].join(" ")} does not run`);
  return {
    ...ours,
    command: [node, ...flags, ...loader, here("ours.ts")],
    note: ["Node", stdout.trim(), ...flags].join(" "),
  };
}

const onnxruntime = (kind: "node" | "web"): Library => ({
  name: `onnxruntime-${kind}`,
  peer: "onnxruntime",
  threaded: true,
  missing: npmMissing(`onnxruntime-${kind}`),
  command: script("peers/onnxruntime.mjs", kind),
});

export const peers: readonly Library[] = [
  {
    name: "pytorch",
    peer: "torch",
    threaded: true,
    missing: torchMissing,
    command: [python, "-B", here("peers/pytorch/main.py")],
    env: torchEnv,
  },
  {
    name: "jax-js",
    peer: "jax-js",
    threaded: true,
    missing: npmMissing("@jax-js/jax"),
    command: script("peers/jaxjs.mjs"),
  },
  {
    name: "tfjs-wasm",
    peer: "tfjs",
    threaded: false,
    missing: npmMissing("@tensorflow/tfjs-backend-wasm"),
    command: script("peers/tfjs.mjs", "wasm"),
  },
  {
    name: "tfjs-cpu",
    peer: "tfjs",
    threaded: false,
    missing: npmMissing("@tensorflow/tfjs"),
    command: script("peers/tfjs.mjs", "cpu"),
  },
  onnxruntime("node"),
  onnxruntime("web"),
];
