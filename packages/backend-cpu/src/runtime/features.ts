/** What the WebAssembly engine of this host can do. */
import { f32, Module, op } from "../wasm/emitter.ts";
import { builtin } from "./host.ts";

export interface Features {
  readonly simd: boolean;
  /** Fused multiply-add by lane. */
  readonly relaxedSimd: boolean;
}

/** Node 20 has relaxed SIMD behind a flag, which can be set at run time before the first module that uses it. */
const NODE_20_FLAG = "--experimental-wasm-relaxed-simd";

export function detectFeatures(): Features {
  if (typeof WebAssembly === "undefined") return { simd: false, relaxedSimd: false };
  if (!supports(true)) builtin("node:v8")?.setFlagsFromString(NODE_20_FLAG);
  return { simd: supports(false), relaxedSimd: supports(true) };
}

function supports(relaxed: boolean): boolean {
  const m = new Module({ shared: false, relaxed });
  m.func("probe", [], (f) => {
    const x = f.let(op("f32x4.splat", f32(1)));
    return f.madd("f32x4", x, x, x);
  });
  return WebAssembly.validate(m.bytes());
}
