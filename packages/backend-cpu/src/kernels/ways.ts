/** How many elements of a run are moved and computed together, and by which trees. */
import { type Node, or, widthOf } from "./expression.ts";
import type { Formula } from "./formula.ts";
import type { Lanes, VectorLanes } from "./lanes.ts";
import { inPairs, PAIRED } from "./pairs.ts";
import { completed, withoutPatches } from "./patches.ts";
import { SPLIT } from "./split.ts";

export interface Way {
  /** Elements that are loaded and stored together. */
  readonly moved: VectorLanes;
  /** Lanes of the trees. */
  readonly lanes: VectorLanes;
  /** A tree for each vector of the result. */
  readonly roots: readonly Node[];
  /** Negative or true where a patch is needed; none where patches are in the trees. */
  readonly signs: readonly Node[];
  /** Operands of 64 bits are two vectors each. */
  readonly paired: boolean;
}

export interface Ways {
  /** Without patches. */
  readonly quick: Way;
  /** The same with fallbacks that serve all elements in their place. */
  readonly complete: Way | undefined;
  readonly careful: Way;
}

export function waysOf(what: Formula, lanes: Exclude<Lanes, "scalar">): Ways {
  const [moved, root] = what.split ? ([SPLIT, what.split] as const) : ([what.narrow ?? lanes, what.root] as const);
  const careful: Way = { moved, lanes: what.split ? lanes : moved, roots: [root], signs: [], paired: false };
  const quick = (tree: Node): Way => unpatched(what, careful, tree);
  const complete = completed(root);
  return { careful, quick: quick(root), complete: complete && quick(complete) };
}

function unpatched(what: Formula, careful: Way, root: Node): Way {
  const { value, signs } = withoutPatches(root);
  if (!isMixed(what)) return { ...careful, roots: [value], signs: joinedSigns(signs) };
  const [roots, ...pairs] = inPairs([value, ...signs], what.inputs.length) as [readonly Node[], ...(readonly Node[])[]];
  return { moved: PAIRED, lanes: PAIRED, roots, signs: joinedSigns(pairs.flat()), paired: true };
}

/** Whether elements of 64 bits become narrower ones, or the other way round. */
function isMixed({ lanes, inputs, output }: Formula): boolean {
  return lanes === 2 && [...inputs, output].some(({ bytes }) => bytes < 8);
}

/** One for each type, if there are several. */
function joinedSigns(signs: readonly Node[]): readonly Node[] {
  return ([32, 64] as const).flatMap((width) => {
    const [first, ...others] = signs.filter(({ type }) => widthOf(type) === width);
    return first ? [others.reduce(or, first)] : [];
  });
}
