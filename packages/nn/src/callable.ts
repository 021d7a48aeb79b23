/**
 * Instances that are functions: `model(x)` is `model.invoke([x])`. The function's own `name` and `length` are
 * gone, so that subclasses may have fields of these names.
 */
export abstract class Callable {
  constructor() {
    const self = ((...input: unknown[]): unknown => self.invoke(input)) as unknown as this;
    for (const key of ["name", "length"]) Reflect.deleteProperty(self, key);
    // biome-ignore lint/correctness/noConstructorReturn: this is what makes an instance callable.
    return Object.setPrototypeOf(self, new.target.prototype) as this;
  }

  /** @internal What calling the instance does. */
  abstract invoke(input: unknown[]): unknown;
}
