import { fail, isTensor, noGrad, type Tensor } from "@dl/tensor";
import { type Copy, FILL, fieldCopier, isPlainFunction } from "./copying.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { checkClasses, checkFunction } from "./uncopied.ts";

/** What was copied already, by its original. */
type Memo = Map<unknown, unknown>;

/**
 * A copy of a model that shares nothing with it, Python's `copy.deepcopy`: parameters, buffers, modules, and whatever else
 * its fields hold, in arrays, maps, sets, typed arrays, plain objects and instances of classes, each once, so that what was
 * tied is tied in the copy. No constructor runs. As in PyTorch, hooks are kept, and parameters have no gradient in the copy,
 * while other leaves have a copy of theirs. What PyTorch refuses, the result of a recorded op, is copied without its history.
 *
 * Functions are shared, so hooks should use the module that they are given. Private `#members` are seen by their class
 * alone: such a class needs a method `emptyCopy()` that makes an object with these; the other fields are then copied into it.
 * What is in `memo` is not copied, but replaced by what it is mapped to.
 * @throws TensorError for an object whose class has private members and no `emptyCopy`, or is one of the language that cannot
 *   be copied (a promise); for an arrow function in a field that says `this`, which would be the original
 * @see https://docs.python.org/3/library/copy.html#copy.deepcopy
 * @example
 * const best = deepcopy(model);
 * model.weight.equal(best.weight); // true, and training the model changes that
 * @example
 * class Counting extends Module {
 *   #calls = 0;
 *   inner = new Linear(2, 2);
 *   override emptyCopy(): this {
 *     const copy = new Counting();
 *     copy.#calls = this.#calls;
 *     return copy as this;
 *   }
 *   forward(x: Tensor): Tensor {
 *     this.#calls++;
 *     return this.inner(x);
 *   }
 * }
 * const twin = deepcopy(new Counting());
 */
export function deepcopy<T>(value: T, memo: Map<unknown, unknown> = new Map()): T {
  return copyOf(value, memo, "the value");
}

function copyOf<T>(value: T, memo: Memo, field: string): T {
  if (memo.has(value)) return memo.get(value) as T;
  if (isPlainFunction(value)) return checkFunction(value, field);
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return value;
  const [empty, fill] = start(value, field, memo);
  memo.set(value, empty);
  fill?.((inner, name) => copyOf(inner, memo, name));
  return empty as T;
}

/** The copy, and how it gets what may lead back to it. */
type Start = [copy: object, fill?: (copy: Copy) => void];

function start(value: object, field: string, memo: Memo): Start {
  if (isTensor(value)) return startTensor(value);
  if (value instanceof Date) return [new Date(value)];
  if (ArrayBuffer.isView(value) && "slice" in value) return [(value as Uint8Array).slice()];
  if (value instanceof ArrayBuffer) return [value.slice(0)];
  return startCollection(value, field) ?? startObject(value, field, memo);
}

function startTensor(value: Tensor): Start {
  // What a call before this one has computed, in a scope that is over.
  if (value.isDisposed) return [value];
  const data = noGrad(() => value.detach().clone());
  if (value instanceof Parameter) return [new Parameter(data, value.requiresGrad)];
  data.requiresGrad = value.isLeaf && value.requiresGrad;
  return [
    data.keep(),
    (copy) => {
      data.grad = copy(value.grad, "grad");
    },
  ];
}

function startCollection(value: object, field: string): Start | undefined {
  switch (Object.getPrototypeOf(value)) {
    case Array.prototype: {
      const [from, into] = [value as unknown[], [] as unknown[]];
      return [into, (copy) => from.forEach((item, i) => void (into[i] = copy(item, `${field}[${i}]`)))];
    }
    case Map.prototype: {
      const into = new Map<unknown, unknown>();
      const put = (copy: Copy) => (item: unknown, key: unknown) => void into.set(copy(key, field), copy(item, field));
      return [into, (copy) => (value as Map<unknown, unknown>).forEach(put(copy))];
    }
    case Set.prototype: {
      const into = new Set<unknown>();
      const put = (copy: Copy) => (item: unknown) => void into.add(copy(item, field));
      return [into, (copy) => (value as Set<unknown>).forEach(put(copy))];
    }
    default:
      return undefined;
  }
}

/** What a class with private members has: it makes an object that deepcopy fills. */
interface Emptied {
  emptyCopy(memo: Memo): object;
}

function startObject(value: object, field: string, memo: Memo): Start {
  checkClasses(value, field);
  const { emptyCopy } = value as Partial<Emptied>;
  const into = emptyCopy ? emptyCopy.call(value, memo) : Object.create(Object.getPrototypeOf(value));
  if (Object.getPrototypeOf(into) !== Object.getPrototypeOf(value)) {
    fail("deepcopy", `emptyCopy() of ${field} made an object of another class`, "Let it return an object of its own");
  }
  if (value instanceof Module) return [into, (copy) => value[FILL](into as Module, copy)];
  return [into, (copy) => Reflect.ownKeys(value).forEach(fieldCopier(value, into, copy))];
}
