/**
 * Whole numbers of 8 and 16 bits stay as narrow as they are stored, where that gives what their widened numbers would: what
 * is stored wraps around anyway, but what is compared must not have wrapped before.
 */
import { type Element, type Node, widthOf } from "./expression.ts";

/** Elements in a vector of 16 or 8 bits each. */
export type NarrowLanes = 8 | 16;

/** What a lane has of its node's number, as a set of bits: 0 is nothing. */
type Known = number;
/** Its low bits; also the rest, by the sign or by zeros. */
const LOW = 1;
const SIGNED = 2;
const UNSIGNED = 4;
const ALL: Known = LOW | SIGNED | UNSIGNED;

const comparing = new Set(["eq", "ne", "lt", "le", "gt", "ge", "min", "max"]);
const choosing = new Set(["select", "and", "or", "xor"]);
const wrapping = new Set(["add", "sub", "mul", "not"]);

/** The most lanes that hold all operands and compute the tree; `undefined` where its numbers must be widened. */
export function narrowLanesOf(root: Node, bytes: readonly number[]): NarrowLanes | undefined {
  const most = 16 / Math.max(...bytes);
  return ([16, 8] as const).find((lanes) => lanes <= most && new Narrow(lanes).of(root));
}

/** Trees on lanes of a width. */
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

  /** Whether what a node compares is without signs. */
  isUnsigned({ op, args }: Node): boolean {
    return comparing.has(op) && !(this.#common(args) & SIGNED);
  }

  /** How far a lane is shifted where a wide one would be by `distance`, up and down again. */
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

  /** A shift up and down again cuts a number to an element's width. */
  #ofCut({ op, args: [shifted, by] }: Node): Known {
    const [x, up] = shifted!.args;
    if (shifted!.op !== "shl" || up!.detail !== by!.detail || !this.of(x!)) return 0;
    const bytes = 4 - Number(by!.detail) / 8;
    return this.#ofElement({ bytes, signed: op === "shr" });
  }
}
