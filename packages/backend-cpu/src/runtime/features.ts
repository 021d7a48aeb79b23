/** What the WebAssembly engine of this host can do. */
import { f32, i32, load, Module, op } from "../wasm/emitter.ts";
import { builtin, environment } from "./host.ts";

export interface Features {
  readonly simd: boolean;
  /** Fused multiply-add by lane. */
  readonly relaxedSimd: boolean;
  /** Two neighbouring vectors of 128 bits become one of 256, so kernels should have more of them side by side. */
  readonly joinedVectors: boolean;
}

/** Node 20 has relaxed SIMD behind a flag, which can be set at run time before the first module that uses it. */
const NODE_20_FLAG = "--experimental-wasm-relaxed-simd";
/** V8's pass that joins vectors is an experiment: it is used where the program asks for it, and a trial comes out right. */
const JOINING_FLAG = "--experimental-wasm-revectorize";
/** Node 24's. Older versions have the flag, but do not join the vectors of loops like ours. */
const JOINING_V8 = 13;

export function detectFeatures(): Features {
  if (typeof WebAssembly === "undefined") return { simd: false, relaxedSimd: false, joinedVectors: false };
  if (!supports(true)) builtin("node:v8")?.setFlagsFromString(NODE_20_FLAG);
  const simd = supports(false);
  return { simd, relaxedSimd: supports(true), joinedVectors: simd && joinsVectors() };
}

function supports(relaxed: boolean): boolean {
  const m = new Module({ shared: false, relaxed });
  m.func("probe", [], (f) => {
    const x = f.let(op("f32x4.splat", f32(1)));
    return f.madd("f32x4", x, x, x);
  });
  return WebAssembly.validate(m.bytes());
}

/** Asked for by V8's flag on the command line, or by `DL_REVECTORIZE=1`. */
function joinsVectors(): boolean {
  const { process } = globalThis;
  if (process?.arch !== "x64" || Number.parseInt(process.versions?.v8 ?? "", 10) < JOINING_V8) return false;
  if (environment("DL_REVECTORIZE") !== "1" && !process.execArgv.includes(JOINING_FLAG)) return false;
  builtin("node:v8")!.setFlagsFromString(JOINING_FLAG);
  return sumsJoined();
}

/** Σ of k · (0 … 15) for k = 1, 2, 3 in four vectors, in the form of the micro kernels: joined or not, all must be right. */
function sumsJoined(): boolean {
  const m = new Module({ shared: false, relaxed: false });
  m.func("trial", ["k", "kEnd"], (f, { k, kEnd }) => {
    const sums = f.locals("v128", 4);
    const factor = f.local("v128");
    f.while(op("i32.ne", k, kEnd), () => {
      f.set(factor, load("v128.load32_splat", k));
      for (const [j, sum] of sums.entries())
        f.set(sum, f.madd("f32x4", factor, load("v128.load", i32(64), 16 * j), sum));
      f.inc(k, 4);
    });
    for (const [j, sum] of sums.entries()) f.store("v128.store", i32(128), sum, 16 * j);
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const values = new Float32Array(memory.buffer);
  values.set([1, 2, 3]);
  values.set([...Array(16).keys()], 16);
  const { trial } = new WebAssembly.Instance(new WebAssembly.Module(m.bytes()), { env: { memory } }).exports;
  (trial as (k: number, kEnd: number) => void)(0, 12);
  return values.subarray(32, 48).every((sum, i) => sum === 6 * i);
}
