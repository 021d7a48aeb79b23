/**
 * Python's calling manners in TypeScript: `sum(x, 1, true)`, `sum(x, 1, { keepdim: true })` and `sum(x, { dim: 1 })` are
 * one function. The signature text names the parameters once, for the types, for the run time and for whoever maps
 * calls by name.
 */
import { fail, showValue, TensorError, toldOf } from "../errors.ts";
import type { Linearity } from "../recorder.ts";
import { tidy } from "../scope.ts";
import { labelled } from "./labels.ts";

type Clean<S extends string> = S extends `${infer A}?` ? A : S extends `...${infer A}` ? A : S;
type Split<S extends string> = S extends `${infer A}, ${infer B}` ? [Clean<A>, ...Split<B>] : [Clean<S>];
/** `"sum(input, dim?)"` → `["input", "dim"]`. */
export type Names<S extends string> = S extends `${string}(${infer A})` ? Split<A> : never;

type Zip<N extends readonly string[], P extends readonly unknown[]> = N extends readonly [
  infer H extends string,
  ...infer T extends string[],
]
  ? P extends readonly [(infer A)?, ...infer R]
    ? { readonly [K in H]?: A | undefined } & Zip<T, R>
    : unknown
  : unknown;

/** The positional form cut at any place after `input`, the rest in one options object. */
type Forms<N extends readonly string[], P extends readonly unknown[]> = N extends readonly [
  string,
  ...infer T extends string[],
]
  ? P extends readonly [infer A, ...infer R]
    ? [A, ...Forms<T, R>] | [options: Zip<N, P>]
    : P extends readonly [(infer A)?, ...infer R]
      ? [options?: Zip<N, P>] | [A | undefined, ...Forms<T, R>]
      : []
  : [];

/** A function that takes its parameters by position or in a trailing options object. */
export interface OpFunction<N extends readonly string[], P extends readonly unknown[], R> {
  (...args: P): R;
  (...args: Forms<N, P>): R;
  /** Parameter names in order. */
  readonly names: N;
  /** @internal types only */
  readonly types?: (...args: P) => R;
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer R] ? R : [];

type Or<R, Known> = [Known] extends [never] ? R : Known;

/** The same function as a method of its first parameter. `Known` is its result where types can tell more of it. */
export type Method<F, Known = never> = F extends {
  readonly names: infer N extends readonly string[];
  readonly types?: (...args: infer P) => infer R;
}
  ? { (...args: Tail<P>): Or<R, Known>; (...args: Forms<Tail<N>, Tail<P>>): Or<R, Known> }
  : F extends (...args: infer A) => infer R
    ? (...rest: Tail<A>) => Or<R, Known>
    : never;

/**
 * Makes `body`, which takes everything by position, callable with named options too.
 * @param label what its fresh results print as their `grad_fn`, where that is not the last call's name
 * @param linearity "piecewise" where the second derivative is 0, not absent
 */
export function op<const S extends string, P extends readonly unknown[], R>(
  signature: S,
  body: (...args: P) => R,
  label?: string,
  linearity?: Linearity,
): OpFunction<Names<S>, P, R> {
  const open = signature.indexOf("(");
  const name = signature.slice(0, open);
  const names = signature
    .slice(open + 1, -1)
    .split(", ")
    .map((part) => part.replace(/\?$|^\.\.\./g, ""));
  const call = (...args: unknown[]): R => {
    const values = isOptions(args[args.length - 1]) ? positional(name, names, args) : args;
    let result: R;
    try {
      result = body(...(values as never));
    } catch (error) {
      throw explained(name, names, values, error);
    }
    return label === undefined ? result : labelled(result, label, linearity);
  };
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, { names }) as never;
}

/** An error of this call. What is no tensor lacks what tensors have: nothing is checked before it is missed. */
function explained(name: string, names: readonly string[], values: readonly unknown[], error: unknown): unknown {
  if (!(error instanceof TypeError)) return toldOf(name, error);
  const got = values.map((value, i) => `${names[i]} ${showValue(value)}`).join(", ");
  return new TensorError(`${name}: cannot use ${got}. Make data tensors with tensor(…)`, { cause: error });
}

/** {@link op} for a body that calls other ops: what it makes on the way is freed when it returns. */
export function composite<const S extends string, P extends readonly unknown[], R>(
  signature: S,
  body: (...args: P) => R,
  label?: string,
  linearity?: Linearity,
): OpFunction<Names<S>, P, R> {
  return op(signature, (...args: P) => tidy(() => body(...args)), label, linearity);
}

/** A literal `{…}`: not an array, a tensor, a generator or another class's instance. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The arguments by position: those of a trailing options object take the places of their names. */
function positional(name: string, names: readonly string[], args: unknown[]): unknown[] {
  const options = args[args.length - 1];
  if (!isOptions(options)) return args;
  args.pop();
  for (const [key, value] of Object.entries(options)) {
    const at = names.indexOf(key);
    if (at < 0) fail(name, `unknown option ${JSON.stringify(key)}`, `It takes ${names.join(", ")}`);
    if (at < args.length && args[at] !== undefined) fail(name, `${key} is given twice, by position and by name`);
    args[at] = value;
  }
  return args;
}

type IsOptional<P, K> = K extends keyof P ? (object extends Pick<P, K> ? true : false) : false;

/** The parameter behind the parameters `I`, as an entry of the options object. */
type Entry<P, I extends readonly unknown[], K extends string, A> =
  IsOptional<P, `${I["length"] & number}`> extends true
    ? { readonly [N in K]?: A | undefined }
    : { readonly [N in K]: A };

type Cut<
  P extends readonly unknown[],
  N extends readonly string[],
  Q extends readonly unknown[] = Required<OrUndefined<P>>,
  O = unknown,
> = Q extends readonly [...infer I, infer A]
  ? N extends readonly [...infer M extends readonly string[], infer K extends string]
    ? [...I, options: O & Entry<P, I, K, A>] | Cut<P, M, I, O & Entry<P, I, K, A>>
    : never
  : never;

/** What a constructor with parameters `P` of names `N` takes: all by position, or any tail of them in one options object. */
export type Arguments<N extends readonly string[], P extends readonly unknown[]> = OrUndefined<P> | Cut<P, N>;

/** What may be left out may be `undefined` too. */
type OrUndefined<P extends readonly unknown[]> = {
  [K in keyof P]: IsOptional<P, K> extends true ? P[K] | undefined : P[K];
};

/**
 * The arguments of a class that lists its parameters in a static `names`, by position.
 * @throws TensorError for an unknown name, or for more arguments than there are names
 */
export function readArguments<P extends readonly unknown[]>(
  owner: { readonly name: string; readonly names: readonly string[] },
  args: readonly unknown[],
): P {
  const { name, names } = owner;
  if (args.length > names.length + 1 || (args.length > names.length && !isOptions(args.at(-1)))) {
    fail(name, `takes at most ${names.length} arguments (${names.join(", ")}), got ${args.length}`);
  }
  return positional(name, names, [...args]) as unknown as P;
}

/** `f(2, 3)`, `f([2, 3])` and, where the sizes have a name `K`, `f({ K: [2, 3] })` are the same. */
export type Sizes<K extends string = never> = number[] | [readonly number[]] | [Named<K>];

type Named<K extends string> = [K] extends [never] ? never : { readonly [P in K]: readonly number[] };

/** @throws TensorError for an option of another name than `key` */
export function sizes(args: Sizes<string>, name: string = "", key: string = ""): readonly number[] {
  const [first] = args;
  if (Array.isArray(first)) return first;
  return isOptions(first) ? (positional(name, [key], [first])[0] as readonly number[]) : (args as readonly number[]);
}
