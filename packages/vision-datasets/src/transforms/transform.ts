/** The base of transforms: objects that are called like functions, as in torchvision. */

/** A transform, or any function that may stand for one. */
export type TransformFunction<In, Out> = (input: In) => Out;

export interface Transform<In, Out> {
  (input: In): Out;
}

/**
 * Extend it with `forward`, and call the instance: `transform(image)`. The instance is a function whose prototype is
 * the class.
 */
export abstract class Transform<In, Out> {
  constructor() {
    const call = (input: In): Out => self.forward(input);
    const self = Object.setPrototypeOf(call, new.target.prototype) as this;
    // biome-ignore lint/correctness/noConstructorReturn: this is how an instance is made callable
    return self;
  }

  abstract forward(input: In): Out;

  /** What stands between the parentheses when the transform is printed. */
  protected extraRepr(): string {
    return "";
  }

  toString(): string {
    return `${this.constructor.name}(${this.extraRepr()})`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** How a transform or a plain function prints. */
export function showTransform(transform: TransformFunction<never, unknown>): string {
  return transform instanceof Transform ? transform.toString() : `<function ${transform.name || "<lambda>"}>`;
}

/** A number as Python prints a float. */
export function showFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A Python tuple. */
export function showTuple(items: readonly string[]): string {
  return `(${items.join(", ")}${items.length === 1 ? "," : ""})`;
}
