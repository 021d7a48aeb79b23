/** Sequences of different lengths in one tensor, PyTorch's `nn.utils.rnn`. */
import { composite, fail, stack, type Tensor } from "@dl/tensor";
import { pad } from "./functional/padding.ts";

/**
 * Sequences `[length, …]` as one tensor `[longest, sequences, …]`, or `[sequences, longest, …]` with `batchFirst`; places
 * behind the shorter ones' ends hold `paddingValue`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_sequence.html
 * @example utils.rnn.padSequence([tensor([1, 2, 3]), tensor([4])], { batchFirst: true }); // tensor([[1, 2, 3], [4, 0, 0]])
 */
export const padSequence = composite(
  "padSequence(sequences, batchFirst?, paddingValue?)",
  (sequences: readonly Tensor[], batchFirst: boolean = false, paddingValue: number = 0): Tensor => {
    if (sequences.some(({ ndim }) => ndim === 0)) fail("padSequence", "needs sequences, got a 0-d tensor");
    const longest = Math.max(...sequences.map((sequence) => sequence.size(0)));
    const padded = sequences.map((sequence) => {
      const inner = new Array<number>(2 * sequence.ndim - 1).fill(0);
      return pad(sequence, [...inner, longest - sequence.size(0)], "constant", paddingValue);
    });
    return stack(padded, batchFirst ? 0 : 1);
  },
);

/**
 * The opposite of {@link padSequence}: each sequence cut to its length.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.unpad_sequence.html
 */
export function unpadSequence(
  paddedSequences: Tensor,
  lengths: Tensor,
  options: boolean | { readonly batchFirst?: boolean } = false,
): Tensor[] {
  const batchFirst = typeof options === "object" ? options.batchFirst : options;
  return paddedSequences
    .unbind(batchFirst ? 0 : 1)
    .map((sequence, i) => sequence.narrow(0, 0, lengths.at(i).item() as number));
}
