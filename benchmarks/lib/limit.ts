// How fast 128-bit multiply-adds can be on this machine, in this engine, on one thread: a WebAssembly loop of twelve
// independent ones, which touches no memory. No product of matrices in WebAssembly can be faster.
import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { median } from "./timing.ts";

const chains = 12;
/** Two for each of four lanes. */
const flopsPerTurn = chains * 8;

const [i32, v128, none] = [0x7f, 0x7b, 0x40];
const relaxedMadd = [0xfd, 0x85, 0x02];
const splat = (float: number): number[] => [0x43, ...new Uint8Array(Float32Array.of(float).buffer), 0xfd, 0x13];
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const section = (id: number, ...bytes: number[]): number[] => [id, ...unsigned(bytes.length), ...bytes];

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >> 7)];
}

/** Locals: the turns that are left, two constants, then the accumulators; what they come to is returned, so it is kept. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const accumulators = Array.from({ length: chains }, (_, i) => i + 3);
  const body = [
    ...[1, chains + 2, v128],
    ...[...splat(0.5), ...set(1), ...splat(1), ...set(2)],
    ...[0x03, none],
    ...accumulators.flatMap((local) => [...get(local), ...get(1), ...get(2), ...relaxedMadd, ...set(local)]),
    ...[...get(0), 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b],
    ...get(3),
    ...accumulators.slice(1).flatMap((local) => [...get(local), 0xfd, 0xe4, 0x01]),
    ...[0xfd, 0x1f, 0, 0xa8, 0x0b],
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, i32, 1, i32),
    ...section(3, 1, 0),
    ...section(7, 1, 3, ...Buffer.from("run"), 0, 0),
    ...section(10, 1, ...unsigned(body.length), ...body),
  ]);
}

function compile(): (turns: number) => number {
  const bytes = moduleBytes();
  if (!WebAssembly.validate(bytes)) setFlagsFromString("--experimental-wasm-relaxed-simd");
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return exports["run"] as (turns: number) => number;
}

/** Floating-point operations a second. */
export function multiplyAddsPerSecond(): number {
  const [run, turns] = [compile(), 1_000_000];
  const seconds = Array.from({ length: 20 }, () => {
    const start = performance.now();
    run(turns);
    return (performance.now() - start) / 1000;
  });
  return (turns * flopsPerTurn) / median(seconds.slice(10));
}
