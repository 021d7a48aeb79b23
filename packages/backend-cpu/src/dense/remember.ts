/** Caches for results of pure functions. Even arithmetic on short lists takes longer than a small kernel. */
import { sameShape } from "@dl/tensor";

const KEPT = 256;

/** Caches the results of `compute` by `numbers`, which must contain everything that the result depends on. */
export function remember<A extends readonly unknown[], R>(
  numbers: (...args: A) => readonly number[],
  compute: (...args: A) => R,
): (...args: A) => R {
  const known = new Map<number, { readonly key: readonly number[]; readonly result: R }>();
  return (...args) => {
    const key = numbers(...args);
    let hash = 0;
    for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key[i]!) | 0;
    const found = known.get(hash);
    if (found !== undefined && sameShape(found.key, key)) return found.result;
    if (known.size >= KEPT) known.clear();
    const result = compute(...args);
    known.set(hash, { key, result });
    return result;
  };
}

/** Caches the results of `compute` for as long as the objects live that they were computed for. */
export function once<K extends object, R>(compute: (key: K) => R): (key: K) => R {
  const known = new WeakMap<K, { readonly result: R }>();
  return (key) => {
    let found = known.get(key);
    if (found === undefined) {
      found = { result: compute(key) };
      known.set(key, found);
    }
    return found.result;
  };
}
