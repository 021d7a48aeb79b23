/** What connectionist temporal classification spells. */

/** What is spelled: of each sample its labels, how many steps it has, and its states: labels with blanks around them. */
export interface Spelling {
  readonly labels: readonly (readonly number[])[];
  readonly lengths: readonly number[];
  /** As many for each as the longest sample has. */
  readonly states: readonly (readonly number[])[];
  readonly blank: number;
}

/** States of samples with these labels. */
export function statesOf(labels: readonly (readonly number[])[], blank: number): number[][] {
  const width = 2 * Math.max(...labels.map((row) => row.length)) + 1;
  return labels.map((row) =>
    Array.from({ length: width }, (_, s) => (s % 2 === 1 ? (row[(s - 1) / 2] ?? blank) : blank)),
  );
}
