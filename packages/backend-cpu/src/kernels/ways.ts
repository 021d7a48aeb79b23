/**
 * The ways to compute a packed run of an element-wise formula: how many elements go together, and by which trees.
 */
import { type Node, or, widthOf } from "./expression.ts";
import type { Formula } from "./formula.ts";
import type { Lanes, VectorLanes } from "./lanes.ts";
import { inPairs, PAIRED } from "./pairs.ts";
import { completed, withoutPatches } from "./patches.ts";
import { SPLIT } from "./split.ts";

export interface Way {
  /** Elements that are loaded and stored together. */
  readonly moved: VectorLanes;
  /** The lanes that the trees compute in. */
  readonly lanes: VectorLanes;
  /** A tree for each vector of the result. */
  readonly roots: readonly Node[];
  /** Negative or true where an element needs a patch. None if the trees contain their patches. */
  readonly signs: readonly Node[];
  /** Whether operands of 64 bits are two vectors each, see `pairs.ts`. */
  readonly paired: boolean;
}

export interface Ways {
  /** Without patches: the fast way for all elements. */
  readonly quick: Way;
  /** Without patches: fallbacks for all elements, where there are some that can do that. */
  readonly complete: Way | undefined;
  /** With patches. */
  readonly careful: Way;
}

export function waysOf(formula: Formula, lanes: Exclude<Lanes, "scalar">): Ways {
  const [moved, root] = formula.split
    ? ([SPLIT, formula.split] as const)
    : ([formula.narrow ?? lanes, formula.root] as const);
  const careful: Way = { moved, lanes: formula.split ? lanes : moved, roots: [root], signs: [], paired: false };
  const quick = (tree: Node): Way => unpatched(formula, careful, tree);
  const complete = completed(root);
  return { careful, quick: quick(root), complete: complete && quick(complete) };
}

function unpatched(formula: Formula, careful: Way, root: Node): Way {
  const { value, signs } = withoutPatches(root);
  if (!isMixed(formula)) return { ...careful, roots: [value], signs: joinedSigns(signs) };
  const [roots, ...pairs] = inPairs([value, ...signs], formula.inputs.length) as [
    readonly Node[],
    ...(readonly Node[])[],
  ];
  return { moved: PAIRED, lanes: PAIRED, roots, signs: joinedSigns(pairs.flat()), paired: true };
}

/** Whether the formula mixes elements of 64 bits with narrower ones. */
function isMixed({ lanes, inputs, output }: Formula): boolean {
  return lanes === 2 && [...inputs, output].some(({ bytes }) => bytes < 8);
}

/** All signs of one width as a single node. */
function joinedSigns(signs: readonly Node[]): readonly Node[] {
  return ([32, 64] as const).flatMap((width) => {
    const [first, ...others] = signs.filter(({ type }) => widthOf(type) === width);
    return first ? [others.reduce(or, first)] : [];
  });
}
