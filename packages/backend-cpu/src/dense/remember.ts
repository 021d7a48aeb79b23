/** Results that are kept by the shapes they follow from: arithmetic on lists takes longer than a small kernel. */

const KEPT = 256;

/** `compute`, but what came of it for the latest keys is not computed again. `key` must name all that it depends on. */
export function remember<A, R>(
  key: (argument: A) => string,
  compute: (argument: A, key: string) => R,
): (argument: A) => R {
  const known = new Map<string, R>();
  return (argument) => {
    const name = key(argument);
    let result = known.get(name);
    if (result === undefined) {
      if (known.size >= KEPT) known.clear();
      result = compute(argument, name);
      known.set(name, result);
    }
    return result;
  };
}
