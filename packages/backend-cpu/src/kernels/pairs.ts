/**
 * Turns trees that mix numbers of 64 and 32 bits into trees for four elements at a time. A 64-bit number then takes two
 * vectors. Conversions to 32 bits join these into one; conversions to 64 bits widen the lower and the upper half of
 * one.
 */
import { type Node, widthOf } from "./expression.ts";

/** Elements that are moved together. */
export const PAIRED = 4;

/** For each root one tree per vector. The second vector of input i is input i + `operands` of the new trees. */
export function inPairs(roots: readonly Node[], operands: number): readonly (readonly Node[])[] {
  const done = new Map<Node, readonly Node[]>();
  const visit = (node: Node): readonly Node[] => {
    const known = done.get(node) ?? paired(node);
    done.set(node, known);
    return known;
  };
  const paired = (node: Node): readonly Node[] => {
    const { op, type, args } = node;
    const isWide = widthOf(type) === 64;
    if (op === "input") return isWide ? [node, { ...node, detail: Number(node.detail) + operands }] : [node];
    if (op === "convert" && widthOf(args[0]!.type) !== widthOf(type)) {
      return isWide ? widened(node, visit(args[0]!)[0]!) : [joined(node, visit)];
    }
    const parts = args.map(visit);
    return (isWide ? [0, 1] : [0]).map((i) => ({ ...node, args: parts.map((part) => part[i]!) }));
  };
  return roots.map(visit);
}

function widened(node: Node, x: Node): readonly Node[] {
  return [
    { ...node, args: [x] },
    { ...node, op: "upper", args: [x] },
  ];
}

/** A conversion to 32 bits. Where it takes the high word (a shift down by 32), joining does that without the shift. */
function joined(node: Node, visit: (node: Node) => readonly Node[]): Node {
  const [wide] = node.args as [Node];
  const by = wide.args[1];
  const isHigh = node.type === "i32" && wide.op === "shr" && by?.op === "const" && by.detail === 32;
  return { ...node, op: isHigh ? "joinHigh" : "join", args: visit(isHigh ? wide.args[0]! : wide) };
}
