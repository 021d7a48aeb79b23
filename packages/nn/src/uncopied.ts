/** What nobody can copy from outside. Only the source text of classes and functions tells, so that is searched. */
import { fail } from "@dl/tensor";

/** `this.#name`, and the helpers by which compilers write that for older engines. */
const privates = /\.\s*#[\p{ID_Start}$_]|\b_+(class)?private(field|get|set|add|method|in)/iu;
const native = /\{\s*\[native code\]\s*\}\s*$/;
/** An arrow function that says `this`: it means the object that it was made in. */
const bound = /^(async\s*)?(\([^)]*\)|[\w$]+)\s*=>.*\bthis\b/s;

const source = (code: object): string => Function.prototype.toString.call(code);
const troubles = new WeakMap<object, string>();

function troubleOf(made: object): string {
  const known = troubles.get(made);
  if (known !== undefined) return known;
  const text = source(made);
  const trouble = native.test(text)
    ? "which the language keeps closed"
    : privates.test(text)
      ? "whose class has private #members"
      : "";
  troubles.set(made, trouble);
  return trouble;
}

/**
 * Checks the classes of an object, up to the one that says how an empty copy is made.
 * @throws TensorError for private members, and for classes of the language
 */
export function checkClasses(object: object, field: string): void {
  let prototype: object | null = Object.getPrototypeOf(object);
  while (prototype !== null && prototype !== Object.prototype && !Object.hasOwn(prototype, "emptyCopy")) {
    const { constructor: made } = prototype;
    const trouble = Object.hasOwn(prototype, "constructor") ? troubleOf(made) : "";
    if (trouble) {
      const remedy = "Give the class a method emptyCopy(), or share the object: deepcopy(model, new Map([[it, it]]))";
      fail("deepcopy", `cannot copy ${field}, a ${made.name || "nameless class"}, ${trouble}`, remedy);
    }
    prototype = Object.getPrototypeOf(prototype);
  }
}

/** The function, which the copy may share. @throws TensorError for one that is tied to the original */
export function checkFunction<F extends object>(shared: F, field: string): F {
  if (!bound.test(source(shared))) return shared;
  const remedy = "Make it a method, or give the class a method emptyCopy()";
  return fail("deepcopy", `${field} is an arrow function whose \`this\` would stay the original`, remedy);
}
