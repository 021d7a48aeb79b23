/** What the recorded files hold, as golden/README.md describes it. */

/** A recorded tensor: raw little-endian elements in row-major order, whatever the strides. */
export interface TensorSpec {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Missing where only dtype and shape count. */
  readonly b64?: string;
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly requires_grad?: boolean;
  readonly random?: boolean;
}

export interface TensorRef {
  readonly $t: number;
}

/** A Python float; a bare number is a Python int. */
export interface FloatValue {
  readonly float: number | "nan" | "inf" | "-inf";
}

export interface ModuleValue {
  readonly module: string;
  readonly args: readonly Value[];
  readonly kwargs: Kwargs;
}

export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | TensorRef
  | FloatValue
  | ModuleValue
  | { readonly tuple: readonly Value[] }
  | { readonly dict: readonly (readonly [Value, Value])[] }
  | { readonly dtype: string }
  | { readonly device: string }
  | { readonly layout: string }
  | { readonly memory_format: string };

export type Kwargs = Readonly<Record<string, Value>>;

/** Relative and absolute. */
export type Tolerance = readonly [rtol: number, atol: number];

export interface Recorded {
  readonly id: string;
  readonly tensors: readonly TensorSpec[];
  readonly tol?: Readonly<Record<string, Tolerance>>;
  /** Parts whose float32 numbers are not worth comparing. */
  readonly unstable?: readonly string[];
}

export interface GradSpec {
  /** One for each output tensor; `null`: not differentiable. */
  readonly cotangents: readonly (TensorRef | null)[];
  /** Numbers of the tensors to differentiate for. */
  readonly wrt: readonly number[];
  readonly grads: readonly (TensorRef | null)[];
  /** Of a module's parameters. */
  readonly params?: readonly (readonly [string, TensorRef | null])[];
}

export interface Grad2Spec {
  readonly cotangents: readonly (TensorRef | null)[];
  readonly grads: readonly (TensorRef | null)[];
}
