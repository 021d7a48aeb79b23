/**
 * N-dimensional tensors over pluggable backends: creation, indexing, views, arithmetic, reductions.
 *
 * @module tensor
 */
export {
  type Backend,
  type KernelCall,
  type KernelInput,
  type MemoryReport,
  Storage,
  type TensorMeta,
  type UpdateCall,
  type UpdateRule,
  type View,
} from "./backend.ts";
export {
  type ArrayOf,
  type DType,
  type DTypeInfo,
  type DTypeKind,
  dtypes,
  type ElementArray,
  type FloatDType,
  type IntDType,
  isFloat,
  promoteTypes,
  type TypedArray,
} from "./dtype.ts";
export { checkName, fail, showShape, showValue, TensorError } from "./errors.ts";
export { failExhausted, type Shortage } from "./exhausted.ts";
export { formatTensor, getPrintOptions, type PrintOptions, setPrintOptions } from "./format.ts";
export { clearGradients, type ZeroGradArguments } from "./gradients.ts";
export { convert, decode, encode, fromBfloat16, fromFloat16, type Scalar, toBfloat16, toFloat16 } from "./host.ts";
export { type FloatInfo, finfo, type IntInfo, iinfo } from "./limits.ts";
export { type Arithmetic, type Methods, Tensor } from "./methods.ts";
export { apply, applyAll, applyInPlace, applyView } from "./ops/apply.ts";
export * from "./ops/arithmetic.ts";
export * from "./ops/composite.ts";
export { cpu, equal, type NDArray, numpy, type ToOptions, to, toArray } from "./ops/convert.ts";
export * from "./ops/creation.ts";
export { einsum } from "./ops/einsum.ts";
export * from "./ops/elementwise.ts";
export * from "./ops/gathering.ts";
export { at, type Index, set_ } from "./ops/indexing.ts";
export * from "./ops/joining.ts";
export { labelled } from "./ops/labels.ts";
export * from "./ops/library.ts";
export * from "./ops/linalg.ts";
export * from "./ops/making.ts";
export * as linalg from "./ops/matrix/index.ts";
export { type ValuesIndices, valuesIndices } from "./ops/pairs.ts";
export { peek, rawData } from "./ops/reading.ts";
export * from "./ops/reduce.ts";
export { normal, randintLike } from "./ops/sampling.ts";
export {
  type Arguments,
  composite,
  isOptions,
  type Method,
  type Names,
  type OpFunction,
  op,
  readArguments,
  type Sizes,
  sizes,
} from "./ops/signature.ts";
export * as special from "./ops/special.ts";
export * from "./ops/stacking.ts";
export * from "./ops/table.ts";
export { collectTaps } from "./ops/taps.ts";
export { updateParameters } from "./ops/update.ts";
export * from "./ops/views.ts";
export { Pressure } from "./pressure.ts";
export * from "./random.ts";
export {
  type BackwardOptions,
  type Derivative,
  enableGrad,
  GradGuard,
  type GradNode,
  isGradEnabled,
  type Linearity,
  needRecorder,
  noGrad,
  type Operand,
  type Recorder,
  recorded,
  refusePromise,
  setGradEnabled,
  setRecorder,
} from "./recorder.ts";
export {
  devices,
  getBackend,
  getDefaultDevice,
  getDefaultDtype,
  memory,
  reclaim,
  registerBackend,
  resetPeakMemoryStats,
  setDefaultDevice,
  setDefaultDtype,
  setTypePromotion,
  unregisterBackend,
  withTypePromotion,
} from "./registry.ts";
export { Scope, scope, tidy } from "./scope.ts";
export {
  isContiguous,
  normalizeDim,
  normalizeDims,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
} from "./shape.ts";
export { version } from "./state.ts";
export { type BackwardArguments, type GradHook, isTensor, needTensor, setTraceDisposal } from "./tensor.ts";
