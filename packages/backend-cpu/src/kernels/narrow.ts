/**
 * Decides which trees over whole numbers of 8 and 16 bits can be computed in lanes as narrow as the stored elements,
 * instead of being widened to 32 bits. A result that is stored wraps around anyway, so wrapping on the way does no
 * harm; but a number that is compared must be known in full.
 */
import { type Element, type Node, widthOf } from "./expression.ts";

/** Elements in a vector: 8 of 16 bits, or 16 of 8 bits. */
export type NarrowLanes = 8 | 16;

/** What a narrow lane tells about the 32-bit number of its node, as a set of flags; 0 means nothing. */
type Known = number;
/** The lane holds the low bits of the number. */
const LOW = 1;
/** Extending the lane by its sign gives the number. */
const SIGNED = 2;
/** Extending the lane by zeros gives the number. */
const UNSIGNED = 4;
const ALL: Known = LOW | SIGNED | UNSIGNED;

const comparing = new Set(["eq", "ne", "lt", "le", "gt", "ge", "min", "max"]);
const choosing = new Set(["select", "and", "or", "xor"]);
const wrapping = new Set(["add", "sub", "mul", "not"]);

/** The most lanes that can hold all operands and compute the tree; `undefined` if its numbers must be widened. */
export function narrowLanesOf(root: Node, bytes: readonly number[]): NarrowLanes | undefined {
  const most = 16 / Math.max(...bytes);
  return ([16, 8] as const).find((lanes) => lanes <= most && new Narrow(lanes).of(root));
}

/** The analysis of trees for lanes of one width. */
export class Narrow {
  readonly #bits: number;
  readonly #found = new Map<Node, Known>();

  constructor(lanes: NarrowLanes) {
    this.#bits = 128 / lanes;
  }

  of(node: Node): Known {
    const known = this.#found.get(node) ?? this.#find(node);
    this.#found.set(node, known);
    return known;
  }

  /** Whether a node must compare its lanes as unsigned numbers. */
  isUnsigned({ op, args }: Node): boolean {
    return comparing.has(op) && !(this.#common(args) & SIGNED);
  }

  /** For a shift up and down again by `distance` in 32 bits: the distance in a narrow lane that has the same effect. */
  distance(distance: number): number {
    return distance - 32 + this.#bits;
  }

  #find(node: Node): Known {
    const { op, type, args, detail, element } = node;
    if (widthOf(type) === 64 || type === "f32") return 0;
    if (op === "input") return element ? this.#ofElement(element) : 0;
    if (op === "const") return this.#ofNumber(Number(detail));
    if (op === "shr" || op === "shrUnsigned") return this.#ofCut(node);
    const common = this.#common(args);
    if (comparing.has(op)) return common <= LOW ? 0 : type === "m32" ? ALL : common;
    if (choosing.has(op)) return common;
    if (!wrapping.has(op) || (op === "mul" && this.#bits === 8)) return 0;
    return type === "m32" ? common : common & LOW;
  }

  #common(args: readonly Node[]): Known {
    return args.reduce((common, arg) => common & this.of(arg), ALL);
  }

  #ofElement({ bytes, signed }: Element): Known {
    const spare = this.#bits - 8 * bytes;
    return spare < 0 ? 0 : signed ? LOW | SIGNED : spare ? ALL : LOW | UNSIGNED;
  }

  #ofNumber(value: number): Known {
    const half = 2 ** (this.#bits - 1);
    return LOW | (value >= -half && value < half ? SIGNED : 0) | (value >= 0 && value < 2 * half ? UNSIGNED : 0);
  }

  /** What is known after a shift up and down again, which cuts a number to an element's width. */
  #ofCut({ op, args: [shifted, by] }: Node): Known {
    const [x, up] = shifted!.args;
    if (shifted!.op !== "shl" || up!.detail !== by!.detail || !this.of(x!)) return 0;
    const bytes = 4 - Number(by!.detail) / 8;
    return this.#ofElement({ bytes, signed: op === "shr" });
  }
}
