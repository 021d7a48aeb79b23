/** Functions that refuse what makes no sense, and generators. The comments are the recorded names. */
import * as nn from "@dl/nn";
import { cat, equal, manualSeed, ones, rand, stack, tensor } from "@dl/tensor";
import type { Programs } from "./program.ts";

const { functional: F } = nn;

export const functions: Programs = {
  // embedding index out of range raises
  "programs/50": () => F.embedding(tensor([5]), ones(5, 2)),
  // cross_entropy target out of range raises
  "programs/51": () => F.crossEntropy(ones(2, 3), tensor([0, 3])),
  // cat mismatch raises
  "programs/55": () => cat([ones(2, 3), ones(2, 4)], 0),
  // stack mismatch raises
  "programs/56": () => stack([ones(2), ones(3)]),
  // squeeze/unsqueeze range raises
  "programs/59": () => ones(2, 3).unsqueeze(4),
  // mean of int raises
  "programs/60": () => ones(2, { dtype: "int64" }).mean(),
  // max of empty raises
  "programs/61": () => ones(0).max(),
  // argmax of empty raises
  "programs/62": () => ones(0).argmax(),
  // int division by zero raises
  "programs/91": () => tensor([1]).floorDivide(tensor([0])),
  // manual_seed reproducible
  "programs/98": () => {
    manualSeed(5);
    const a = rand(3);
    manualSeed(5);
    return [equal(a, rand(3))];
  },
};
