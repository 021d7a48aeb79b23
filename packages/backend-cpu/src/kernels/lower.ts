/** Turns expression trees into WebAssembly: for whole vectors where every node has a vector instruction, else for single elements. */
import { type Expr, type Func, i32, type Local, op } from "../wasm/emitter.ts";
import { isHeld, nameOf, scalarConstant, vectorConstant } from "./constants.ts";
import { vectorConversions } from "./conversions.ts";
import { type Node, widthOf } from "./expression.ts";
import type { Tools } from "./helpers.ts";
import {
  extractLane,
  instruction,
  isNarrow,
  type Lanes,
  lanesOf,
  maskOf,
  replaceLane,
  type VectorLanes,
} from "./lanes.ts";
import { Columns } from "./lookups.ts";
import { Narrow } from "./narrow.ts";
import { scalarForm } from "./scalar-forms.ts";
import { vectorForm } from "./vector-forms.ts";

/** What the code of a node is made with. */
export interface Scope {
  readonly f: Func;
  readonly tools: Tools;
  readonly lanes: Lanes | VectorLanes;
  readonly narrow: Narrow | undefined;
  readonly columns: Columns;
}

/** The code of some trees inside one function. Make it before the loop: it puts the constants into locals there. */
export class Lowering {
  readonly #f: Func;
  readonly #lanes: Lanes | VectorLanes;
  readonly #narrow: Narrow | undefined;
  readonly #tools: Tools;
  readonly #constants = new Map<Node, Local>();
  readonly #uses = new Map<Node, number>();

  constructor(f: Func, roots: readonly Node[], lanes: Lanes | VectorLanes, tools: Tools) {
    this.#f = f;
    this.#lanes = lanes;
    this.#narrow = isNarrow(lanes) ? new Narrow(lanes) : undefined;
    this.#tools = tools;
    for (const root of roots) this.#count(root);
    if (lanes !== "scalar") this.#hoistConstants();
  }

  /** Computes the trees for these inputs. */
  emit(roots: readonly Node[], inputs: readonly Expr[]): Expr[] {
    const [f, tools, lanes, narrow] = [this.#f, this.#tools, this.#lanes, this.#narrow];
    const scope = { f, tools, lanes, narrow, columns: new Columns(f, tools) };
    const done = new Map<Node, Expr>();
    const visit = (node: Node): Expr => {
      if (node.op === "input") return inputs[node.detail as number]!;
      if (isHeld(node)) return this.#constants.get(node) ?? scalarConstant(node);
      const found = done.get(node);
      if (found) return found;
      const value = this.#compute(node, node.args.map(visit), scope);
      if (this.#uses.get(node) === 1) return value;
      const local = f.let(value);
      done.set(node, local);
      return local;
    };
    return roots.map(visit);
  }

  #count(node: Node): void {
    const uses = this.#uses.get(node) ?? 0;
    this.#uses.set(node, uses + 1);
    if (uses === 0) for (const arg of node.args) this.#count(arg);
  }

  #hoistConstants(): void {
    const locals = new Map<string, Local>();
    for (const node of this.#uses.keys()) {
      if (!isHeld(node)) continue;
      const key = nameOf(node);
      const local = locals.get(key) ?? this.#f.let(vectorConstant(node, this.#lanes));
      locals.set(key, local);
      this.#constants.set(node, local);
    }
  }

  #compute(node: Node, args: readonly Expr[], scope: Scope): Expr {
    if (this.#lanes === "scalar") {
      return node.op === "patch" ? this.#patchScalar(node, args) : scalarForm(node, args, scope);
    }
    const vectors = args as readonly Expr<"v128">[];
    return node.op === "patch" ? this.#patchLanes(node, vectors) : vectorForm(node, vectors, scope);
  }

  #patchScalar(node: Node, [signs, fast, ...xs]: readonly Expr[]): Expr {
    const f = this.#f;
    const { type } = node.args[0]!;
    const inputs = xs.map((x) => f.let(x));
    const result = f.let(fast!);
    const wrong =
      type === "i32" || type === "i64"
        ? instruction(`${type}.lt_s`, signs!, scalarConstant({ ...node.args[0]!, detail: 0 }))
        : signs;
    f.if(wrong as Expr<"i32">, () => f.set(result, this.#fallback(node, inputs, "scalar")));
    return result;
  }

  #patchLanes(node: Node, [signs, fast, ...xs]: readonly Expr<"v128">[]): Expr {
    const f = this.#f;
    const shape = widthOf(node.args[0]!.type) === 64 ? "i64x2" : "i32x4";
    const inputs = xs.map((x) => f.let(x));
    const result = f.let(fast!);
    const holes = f.let(maskOf(node.args[0]!.type, this.#lanes, signs!));
    f.if(holes, () => {
      if (lanesOf(node.fallback!) === this.#lanes) {
        const slow = this.#fallback(node, inputs, this.#lanes) as Expr<"v128">;
        const mask = op(`${shape}.shr_s`, signs!, i32(63));
        const isWider = widthOf(node.type) > widthOf(node.args[0]!.type);
        f.set(result, op("v128.bitselect", slow, result, isWider ? vectorConversions["m32>m64"]!(mask) : mask));
      } else this.#patchEach(node, holes, result, inputs);
    });
    return result;
  }

  #patchEach(node: Node, holes: Expr<"i32">, result: Local<"v128">, inputs: readonly Expr<"v128">[]): void {
    const f = this.#f;
    for (let lane = 0; lane < (this.#lanes as number); lane++) {
      f.if(op("i32.and", holes, 1 << lane), () => {
        const scalars = inputs.map((x, i) => f.let(extractLane(node.args[2 + i]!.type, x, lane)));
        f.set(result, replaceLane(node.type, result, lane, this.#fallback(node, scalars, "scalar")));
      });
    }
  }

  /** A lowering of its own: its constants stay out of the fast way. */
  #fallback({ fallback }: Node, inputs: readonly Expr[], lanes: Lanes | VectorLanes): Expr {
    return new Lowering(this.#f, [fallback!], lanes, this.#tools).emit([fallback!], inputs)[0]!;
  }
}
