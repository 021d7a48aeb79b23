/** One step of each recurrent network: a table for the sequence layers, and the cells as layers of their own. */
import { type Arguments, checkName, fail, isTensor, readArguments, showShape, type Tensor, zeros } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { uniform_ } from "../init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { initialize, type Placement, parameter, placement } from "./placement.ts";

export interface CellWeights {
  readonly ih: Tensor;
  readonly hh: Tensor;
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
  /** A projection of the hidden state. */
  readonly hr: Tensor | null;
}

/** The key of what a recurrent layer computes at each step. */
export const CELL: unique symbol = Symbol("cell");

export interface Cell {
  /** Blocks of hiddenSize rows in the weights. */
  readonly gates: number;
  /** Tensors that pass from step to step. */
  readonly states: number;
  /** The next state, from W x + b of the input [N, gates · H] and the state before. */
  step(input: Tensor, state: readonly Tensor[], weights: CellWeights): readonly Tensor[];
}

const fromHidden = (hidden: Tensor, { hh, biasHh }: CellWeights): Tensor => F.linear(hidden, hh, biasHh);

const simple = (activate: (x: Tensor) => Tensor): Cell => ({
  gates: 1,
  states: 1,
  step: (input, [hidden], weights) => [activate(input.add(fromHidden(hidden!, weights)))],
});

export const cells: { readonly tanh: Cell; readonly relu: Cell; readonly lstm: Cell; readonly gru: Cell } = {
  tanh: simple((x) => x.tanh()),
  relu: simple((x) => x.relu()),
  lstm: {
    gates: 4,
    states: 2,
    step: (input, [hidden, memory], weights) => {
      const [take, keep, content, show] = input.add(fromHidden(hidden!, weights)).chunk(4, 1) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const next = keep.sigmoid().mul(memory!).add(take.sigmoid().mul(content.tanh()));
      const output = show.sigmoid().mul(next.tanh());
      return [weights.hr ? F.linear(output, weights.hr) : output, next];
    },
  },
  gru: {
    gates: 3,
    states: 1,
    step: (input, [hidden], weights) => {
      const [resetIn, updateIn, contentIn] = input.chunk(3, 1) as [Tensor, Tensor, Tensor];
      const [resetOf, updateOf, contentOf] = fromHidden(hidden!, weights).chunk(3, 1) as [Tensor, Tensor, Tensor];
      const reset = resetIn.add(resetOf).sigmoid();
      const update = updateIn.add(updateOf).sigmoid();
      const content = contentIn.add(reset.mul(contentOf)).tanh();
      return [content.add(update.mul(hidden!.sub(content)))];
    },
  },
};

const callNames = ["input", "hx"] as const;

/** What recurrent layers and their cells are called with: what comes in, and what they know before. */
export type WithState<S> = Arguments<typeof callNames, [input: Tensor, hx?: S | null]>;

export function readState<S>(module: Module, args: WithState<S>): [input: Tensor, hx?: S | null] {
  return readArguments({ name: module.getName(), names: callNames }, args);
}

/** Throws unless there are so many tensors: one state is easily taken for two, and two for one. */
export function checkStates(name: string, given: readonly Tensor[], count: number): void {
  if (given.length === count && Array.isArray(given) && given.every(isTensor)) return;
  fail(name, `hx must be ${count === 1 ? "a tensor" : `a list of ${count} tensors`}`);
}

abstract class RNNCellBase<In extends readonly unknown[], Out> extends Module<In, Out> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  weightIh: Parameter;
  weightHh: Parameter;
  biasIh: Parameter | null;
  biasHh: Parameter | null;

  constructor(cell: Cell, inputSize: number, hiddenSize: number, bias: boolean, at: Placement) {
    super();
    const rows = cell.gates * hiddenSize;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.weightIh = parameter([rows, inputSize], ...at);
    this.weightHh = parameter([rows, hiddenSize], ...at);
    this.biasIh = bias ? parameter([rows], ...at) : null;
    this.biasHh = bias ? parameter([rows], ...at) : null;
    initialize(this);
  }

  /** U(±1/√hiddenSize). */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const weight of this.parameters()) uniform_(weight, -bound, bound);
  }

  protected step(cell: Cell, input: Tensor, given: readonly Tensor[] | null): readonly Tensor[] {
    if ((input.ndim !== 1 && input.ndim !== 2) || input.shape.at(-1) !== this.inputSize) {
      fail(this.getName(), `needs [N, ${this.inputSize}] or [${this.inputSize}], got ${showShape(input.shape)}`);
    }
    const batched = input.ndim === 2;
    const x = batched ? input : input.unsqueeze(0);
    const wanted = [x.shape[0]!, this.hiddenSize];
    if (given) checkStates(this.getName(), given, cell.states);
    const state = Array.from({ length: cell.states }, (_, i) => {
      const one = given?.[i] ?? zeros(wanted, { dtype: x.dtype as "float32", device: x.device });
      return one.ndim === 1 ? one.unsqueeze(0) : one;
    });
    for (const { shape } of state) {
      if (shape.some((size, dim) => size !== wanted[dim]))
        fail(this.getName(), `the state must be ${showShape(wanted)}, got ${showShape(shape)}`);
    }
    const { weightIh, weightHh, biasIh, biasHh } = this;
    const weights = { ih: weightIh, hh: weightHh, biasIh, biasHh, hr: null };
    const next = cell.step(F.linear(x, weightIh, biasIh), state, weights);
    return batched ? next : next.map((one) => one.squeeze(0));
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh ? "" : ", bias=False"}`;
  }
}

export type RNNCellArguments = [
  inputSize: number,
  hiddenSize: number,
  bias?: boolean,
  nonlinearity?: "tanh" | "relu",
  ...Placement,
];

/** One step of {@link RNN}: [N, inputSize] and the hidden state → the next. @see https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html */
export class RNNCell extends RNNCellBase<WithState<Tensor>, Tensor> {
  static readonly names = ["inputSize", "hiddenSize", "bias", "nonlinearity", ...placement] as const;
  readonly nonlinearity: "tanh" | "relu";

  constructor(...args: Arguments<typeof RNNCell.names, RNNCellArguments>) {
    const [inputSize, hiddenSize, bias = true, nonlinearity = "tanh", ...at] = readArguments<RNNCellArguments>(
      RNNCell,
      args,
    );
    checkName("RNNCell", "nonlinearity", nonlinearity, ["tanh", "relu"]);
    super(cells[nonlinearity], inputSize, hiddenSize, bias, at);
    this.nonlinearity = nonlinearity;
  }

  forward(...args: WithState<Tensor>): Tensor {
    const [input, hx] = readState<Tensor>(this, args);
    return this.step(cells[this.nonlinearity], input, hx ? [hx] : null)[0]!;
  }

  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === "tanh" ? "" : `, nonlinearity=${this.nonlinearity}`}`;
  }
}

const cellNames = ["inputSize", "hiddenSize", "bias", ...placement] as const;
export type CellArguments = [inputSize: number, hiddenSize: number, bias?: boolean, ...Placement];

/** One step of {@link GRU}. @see https://pytorch.org/docs/stable/generated/torch.nn.GRUCell.html */
export class GRUCell extends RNNCellBase<WithState<Tensor>, Tensor> {
  static readonly names: typeof cellNames = cellNames;

  constructor(...args: Arguments<typeof cellNames, CellArguments>) {
    const [inputSize, hiddenSize, bias = true, ...at] = readArguments<CellArguments>(GRUCell, args);
    super(cells.gru, inputSize, hiddenSize, bias, at);
  }

  forward(...args: WithState<Tensor>): Tensor {
    const [input, hx] = readState<Tensor>(this, args);
    return this.step(cells.gru, input, hx ? [hx] : null)[0]!;
  }
}

export type LSTMState = [hidden: Tensor, cell: Tensor];

/** One step of {@link LSTM}. @see https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html */
export class LSTMCell extends RNNCellBase<WithState<LSTMState>, LSTMState> {
  static readonly names: typeof cellNames = cellNames;

  constructor(...args: Arguments<typeof cellNames, CellArguments>) {
    const [inputSize, hiddenSize, bias = true, ...at] = readArguments<CellArguments>(LSTMCell, args);
    super(cells.lstm, inputSize, hiddenSize, bias, at);
  }

  forward(...args: WithState<LSTMState>): LSTMState {
    const [input, hx] = readState<LSTMState>(this, args);
    return [...this.step(cells.lstm, input, hx ?? null)] as LSTMState;
  }
}
