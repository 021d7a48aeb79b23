/** Recurrent layers: stacks of cells run over a sequence, in one direction or in both. */
import {
  type Arguments,
  cat,
  checkName,
  fail,
  readArguments,
  showShape,
  stack,
  type Tensor,
  tidy,
  zeros,
} from "@dl/tensor";
import * as F from "../functional/index.ts";
import { checkCounts } from "../functional/sizes.ts";
import { uniform_ } from "../init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { describe, float } from "../repr.ts";
import {
  CELL,
  type Cell,
  type CellWeights,
  cells,
  checkStates,
  type LSTMState,
  readState,
  type WithState,
} from "./cells.ts";
import { initialize, type Placement, parameter, placement } from "./placement.ts";

const names = ["inputSize", "hiddenSize", "numLayers", "bias", "batchFirst", "dropout", "bidirectional"] as const;
export type RecurrentArguments = [
  inputSize: number,
  hiddenSize: number,
  numLayers?: number,
  bias?: boolean,
  batchFirst?: boolean,
  dropout?: number,
  bidirectional?: boolean,
];

/** What passes from step to step: the hidden state, and for LSTMs the cell state. */
export type RecurrentState = readonly Tensor[];

abstract class Recurrent<In extends readonly unknown[], Out> extends Module<In, Out> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly projSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  /** Not private: a copy must have it, too. @internal */
  readonly [CELL]: Cell;

  constructor(name: string, cell: Cell, settings: RecurrentArguments, projSize: number, at: Placement) {
    super();
    const [inputSize, hiddenSize, numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false] =
      settings;
    checkCounts(name, { inputSize: settings[0], hiddenSize: settings[1] });
    if (!(dropout >= 0 && dropout <= 1)) fail(name, `dropout must lie in [0, 1], got ${dropout}`);
    if (!(projSize >= 0 && projSize < hiddenSize)) fail(name, `projSize must lie in [0, hiddenSize), got ${projSize}`);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.projSize = projSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    this[CELL] = cell;
    for (let layer = 0; layer < numLayers; layer++) addLayer(this, layer, at);
    initialize(this);
  }

  /** U(±1/√hiddenSize). */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const weight of this.parameters()) uniform_(weight, -bound, bound);
  }

  /** The whole sequence through all layers: the last layer's outputs and the final states of all. */
  protected run(input: Tensor, given: RecurrentState | null): [output: Tensor, states: Tensor[]] {
    const [output, ...states] = tidy(() => runBatched(this, input, given));
    return [output!, states];
  }

  override extraRepr(): string {
    const { inputSize, hiddenSize, projSize, numLayers, bias, batchFirst, dropout, bidirectional } = this;
    const parts = [`${inputSize}, ${hiddenSize}`];
    if (projSize !== 0) parts.push(describe({ projSize }));
    if (numLayers !== 1) parts.push(describe({ numLayers }));
    if (!bias) parts.push(describe({ bias }));
    if (batchFirst) parts.push(describe({ batchFirst }));
    if (dropout !== 0) parts.push(describe({ dropout: float(dropout) }));
    if (bidirectional) parts.push(describe({ bidirectional }));
    return parts.join(", ");
  }
}

/** Fields `weightIhL0`, `weightHhL0`, `biasIhL0`… and the same with `Reverse`. */
function addLayer(rnn: AnyRecurrent, layer: number, at: Placement): void {
  const { hiddenSize, projSize } = rnn;
  const gates = rnn[CELL].gates * hiddenSize;
  const outputs = projSize || hiddenSize;
  const inputs = layer === 0 ? rnn.inputSize : outputs * directionsOf(rnn).length;
  for (const suffix of directionsOf(rnn)) {
    const fields: Record<string, Parameter> = {
      [`weightIhL${layer}${suffix}`]: parameter([gates, inputs], ...at),
      [`weightHhL${layer}${suffix}`]: parameter([gates, outputs], ...at),
    };
    for (const side of rnn.bias ? ["Ih", "Hh"] : [])
      fields[`bias${side}L${layer}${suffix}`] = parameter([gates], ...at);
    if (projSize) fields[`weightHrL${layer}${suffix}`] = parameter([projSize, hiddenSize], ...at);
    Object.assign(rnn, fields);
  }
}

/** What the functions below need of a layer. */
type AnyRecurrent = Omit<Recurrent<never[], unknown>, keyof Module> & Pick<Module, "training" | "getName">;

function directionsOf(rnn: AnyRecurrent): readonly string[] {
  return rnn.bidirectional ? ["", "Reverse"] : [""];
}

function weightsOf(rnn: AnyRecurrent, layer: number, suffix: string): CellWeights {
  const fields = rnn as unknown as Record<string, Tensor | undefined>;
  const get = (name: string): Tensor | null => fields[`${name}L${layer}${suffix}`] ?? null;
  return {
    ih: get("weightIh")!,
    hh: get("weightHh")!,
    biasIh: get("biasIh"),
    biasHh: get("biasHh"),
    hr: get("weightHr"),
  };
}

function runBatched(rnn: AnyRecurrent, input: Tensor, given: RecurrentState | null): Tensor[] {
  const batched = input.ndim === 3;
  if ((!batched && input.ndim !== 2) || input.shape.at(-1) !== rnn.inputSize) {
    const layout = rnn.batchFirst ? "[N, L, …]" : "[L, N, …]";
    fail(
      rnn.getName(),
      `needs ${layout.replace("…", String(rnn.inputSize))} or [L, ${rnn.inputSize}], got ${showShape(input.shape)}`,
    );
  }
  const batchDim = rnn.batchFirst ? 0 : 1;
  const batch = batched ? input : input.unsqueeze(batchDim);
  const sequence = rnn.batchFirst ? batch.transpose(0, 1) : batch;
  const states = initialStates(rnn, sequence, given && (batched ? given : given.map((state) => state.unsqueeze(1))));
  const [outputs, finals] = runLayers(rnn, sequence, states);
  const output = rnn.batchFirst ? outputs.transpose(0, 1) : outputs;
  return batched ? [output, ...finals] : [output.squeeze(batchDim), ...finals.map((state) => state.squeeze(1))];
}

/** Checks the initial states, or makes zeros. */
function initialStates(rnn: AnyRecurrent, sequence: Tensor, given: RecurrentState | null): RecurrentState {
  const rows = rnn.numLayers * directionsOf(rnn).length;
  const sizes = [rnn.projSize || rnn.hiddenSize, rnn.hiddenSize];
  if (given) checkStates(rnn.getName(), given, rnn[CELL].states);
  return Array.from({ length: rnn[CELL].states }, (_, i) => {
    const wanted = [rows, sequence.shape[1]!, sizes[i]!];
    const state = given?.[i] ?? zeros(wanted, { dtype: sequence.dtype as "float32", device: sequence.device });
    if (state.ndim !== 3 || state.shape.some((size, dim) => size !== wanted[dim])) {
      fail(rnn.getName(), `the initial state must be ${showShape(wanted)}, got ${showShape(state.shape)}`);
    }
    return state;
  });
}

function runLayers(rnn: AnyRecurrent, sequence: Tensor, states: RecurrentState): [Tensor, Tensor[]] {
  const finals: Tensor[][] = [];
  let x = sequence;
  for (let layer = 0; layer < rnn.numLayers; layer++) {
    if (layer > 0) x = F.dropout(x, rnn.dropout, rnn.training);
    const outputs = directionsOf(rnn).map((suffix, direction) => {
      const row = layer * directionsOf(rnn).length + direction;
      const start = states.map((state) => state.select(0, row));
      const [output, final] = runDirection(rnn, x, weightsOf(rnn, layer, suffix), start, suffix !== "");
      finals.push([...final]);
      return output;
    });
    x = outputs.length === 1 ? outputs[0]! : cat(outputs, 2);
  }
  return [x, states.map((_, i) => stack(finals.map((final) => final[i]!)))];
}

/** One layer in one direction. The inputs of all steps are multiplied at once. */
function runDirection(
  rnn: AnyRecurrent,
  x: Tensor,
  weights: CellWeights,
  start: RecurrentState,
  backwards: boolean,
): [Tensor, RecurrentState] {
  const gates = F.linear(x, weights.ih, weights.biasIh);
  const steps = x.shape[0]!;
  const outputs = new Array<Tensor>(steps);
  let state = start;
  for (let i = 0; i < steps; i++) {
    const t = backwards ? steps - 1 - i : i;
    state = rnn[CELL].step(gates.select(0, t), state, weights);
    outputs[t] = state[0]!;
  }
  return [stack(outputs), state];
}

export type RecurrentNonlinearity = "tanh" | "relu";
export type RNNArguments = [...RecurrentArguments, nonlinearity?: RecurrentNonlinearity, ...Placement];

/**
 * h' = tanh(W x + U h), or relu: sequences [L, N, inputSize] ([N, L, …] with `batchFirst`) → outputs and final states.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.RNN.html
 */
export class RNN extends Recurrent<WithState<Tensor>, [output: Tensor, hidden: Tensor]> {
  static readonly names = [...names, "nonlinearity", ...placement] as const;
  readonly nonlinearity: RecurrentNonlinearity;

  constructor(...args: Arguments<typeof RNN.names, RNNArguments>) {
    const [a, b, c, d, e, f, g, nonlinearity = "tanh", ...at] = readArguments<RNNArguments>(RNN, args);
    checkName("RNN", "nonlinearity", nonlinearity, ["tanh", "relu"]);
    super("RNN", cells[nonlinearity], [a, b, c, d, e, f, g] as RecurrentArguments, 0, at);
    this.nonlinearity = nonlinearity;
  }

  forward(...args: WithState<Tensor>): [output: Tensor, hidden: Tensor] {
    const [input, hx] = readState<Tensor>(this, args);
    const [output, [hidden]] = this.run(input, hx ? [hx] : null);
    return [output, hidden!];
  }
}

export type GRUArguments = [...RecurrentArguments, ...Placement];

/** Gated recurrent units (Cho et al., 2014). @see https://pytorch.org/docs/stable/generated/torch.nn.GRU.html */
export class GRU extends Recurrent<WithState<Tensor>, [output: Tensor, hidden: Tensor]> {
  static readonly names = [...names, ...placement] as const;

  constructor(...args: Arguments<typeof GRU.names, GRUArguments>) {
    const [a, b, c, d, e, f, g, ...at] = readArguments<GRUArguments>(GRU, args);
    super("GRU", cells.gru, [a, b, c, d, e, f, g] as RecurrentArguments, 0, at);
  }

  forward(...args: WithState<Tensor>): [output: Tensor, hidden: Tensor] {
    const [input, hx] = readState<Tensor>(this, args);
    const [output, [hidden]] = this.run(input, hx ? [hx] : null);
    return [output, hidden!];
  }
}

export type LSTMArguments = [...RecurrentArguments, projSize?: number, ...Placement];

/**
 * Long short-term memory (Hochreiter & Schmidhuber, 1997), with projections if `projSize` is given.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html
 * @example
 * const lstm = new LSTM(10, 20, { batchFirst: true });
 * const [output, [hidden, cell]] = lstm(rand(3, 7, 10));
 * [output.shape, hidden.shape, cell.shape]; // [3, 7, 20] [1, 3, 20] [1, 3, 20]
 */
export class LSTM extends Recurrent<WithState<LSTMState>, [output: Tensor, state: LSTMState]> {
  static readonly names = [...names, "projSize", ...placement] as const;

  constructor(...args: Arguments<typeof LSTM.names, LSTMArguments>) {
    const [a, b, c, d, e, f, g, projSize = 0, ...at] = readArguments<LSTMArguments>(LSTM, args);
    super("LSTM", cells.lstm, [a, b, c, d, e, f, g] as RecurrentArguments, projSize, at);
  }

  forward(...args: WithState<LSTMState>): [output: Tensor, state: LSTMState] {
    const [input, hx] = readState<LSTMState>(this, args);
    const [output, state] = this.run(input, hx ?? null);
    return [output, state as LSTMState];
  }
}
