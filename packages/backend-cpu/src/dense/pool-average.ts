/** Average pooling. The divisor is the window's size, with or without padding, unless another one is given. */
import { type Expr, type Func, load, type Module, op, select, splat } from "../wasm/emitter.ts";
import { at, combine, type Element, type Int, loadScalar, type Scalar, storeScalar, sumLanes } from "./element.ts";
import { geometryParams } from "./pool-geometry.ts";
import {
  forEachElement,
  forEachOutput,
  loadFour,
  type PoolLocals,
  planeBytes,
  type Range,
  type Window,
} from "./pool-windows.ts";

/** `divisor` is 0 for the window's own size. */
const params = ["chunk", "chunks", "x", "y", "countIncludePad", "divisor", ...geometryParams] as const;
type Locals = PoolLocals & { readonly x: Int; readonly y: Int; readonly countIncludePad: Int; readonly divisor: Int };

/** Elements along one axis; the padding after the input counts only as far as it goes. */
function lengthOf(f: Func, p: Locals, axis: "Depth" | "Height" | "Width", range: Range): Expr<"i32"> {
  const limit = op("i32.add", p[`in${axis}`], p[`padding${axis}`]);
  const reach = f.let(op("i32.add", range.start, p[`kernel${axis}`]));
  const padded = op("i32.sub", select(op("i32.lt_s", reach, limit), reach, limit), range.start);
  return select(p.countIncludePad, padded, op("i32.sub", range.end, range.first));
}

function divisorOf(f: Func, e: Element, p: Locals, [depth, height, width]: Window): Scalar {
  const area = op("i32.mul", lengthOf(f, p, "Height", height), lengthOf(f, p, "Width", width));
  const size = f.let(op("i32.mul", area, lengthOf(f, p, "Depth", depth)));
  return op(`${e.name}.convert_i32_s`, select(p.divisor, p.divisor, size));
}

/** `averagePool`. */
export function buildAveragePool(m: Module, e: Element): void {
  m.func("averagePool", params, (f, p) => {
    const { x, y, toPlane } = planePointers(f, e, p);
    const sum = f.local(e.name);
    const sums = f.local("v128");
    const output = (window: Window): void => {
      f.set(sum, 0);
      f.set(sums, splat(e.shape, 0));
      const vector = (index: Int) => f.set(sums, op(`${e.shape}.add`, sums, load("v128.load", at(x, index, e.bytes))));
      forEachElement(
        f,
        p,
        window,
        (index) => f.set(sum, combine(e.name, "add", sum, loadScalar(e.name, at(x, index, e.bytes)))),
        { lanes: e.lanes, body: vector },
      );
      const total = combine(e.name, "add", sum, sumLanes(e, sums));
      storeScalar(f, e.name, y, divide(e, total, divisorOf(f, e, p, window)));
      f.inc(y, e.bytes);
    };
    const four = (window: Window): void => {
      f.set(sums, splat("f32x4", 0));
      forEachElement(f, p, window, (index) => {
        f.set(sums, op("f32x4.add", sums, loadFour(p, f.let(at(x, index, 4)))));
      });
      const divisor = op("f32x4.splat", divisorOf(f, e, p, window) as Expr<"f32">);
      f.store("v128.store", y, op("f32x4.div", sums, divisor));
      f.inc(y, 16);
    };
    forEachOutput(f, p, { plane: toPlane, output, ...(e.name === "f32" ? { four } : {}) });
  });
}

/** `averagePoolBackward`: x is the gradient of the input, y that of the output. */
export function buildAveragePoolBackward(m: Module, e: Element): void {
  m.func("averagePoolBackward", params, (f, p) => {
    const { x, y, bytes, toPlane } = planePointers(f, e, p);
    const part = f.local(e.name);
    const parts = f.local("v128");
    forEachOutput(f, p, {
      plane(number) {
        toPlane(number);
        f.fill(x, 0, bytes.input);
      },
      output(window) {
        f.set(part, divide(e, loadScalar(e.name, y), divisorOf(f, e, p, window)));
        f.set(parts, op(`${e.shape}.splat`, part as never));
        const one = (index: Int): void => {
          const target = f.let(at(x, index, e.bytes));
          storeScalar(f, e.name, target, combine(e.name, "add", loadScalar(e.name, target), part));
        };
        const vector = (index: Int): void => {
          const target = f.let(at(x, index, e.bytes));
          f.store("v128.store", target, op(`${e.shape}.add`, load("v128.load", target), parts));
        };
        forEachElement(f, p, window, one, { lanes: e.lanes, body: vector });
        f.inc(y, e.bytes);
      },
    });
  });
}

/** Two pointers that follow a chunk's planes: to the plane itself, and to the next output. */
function planePointers(f: Func, e: Element, p: Locals) {
  const bytes = planeBytes(f, e, p);
  const [x, y] = [f.local("i32"), f.local("i32")];
  const toPlane = (number: Int): void => {
    f.set(x, at(p.x, number, bytes.input));
    f.set(y, at(p.y, number, bytes.output));
  };
  return { x, y, bytes, toPlane };
}

function divide(e: Element, a: Scalar, b: Scalar): Scalar {
  return op(`${e.name}.div`, a as never, b as never);
}
