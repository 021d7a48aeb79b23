/** Modules and optimizers. The comments are the recorded names. */
import * as nn from "@dl/nn";
import { SGD } from "@dl/optim";
import { ones, zeros } from "@dl/tensor";
import type { Programs } from "./program.ts";

export const modules: Programs = {
  // batch_norm one value per channel raises
  "programs/64": () => new nn.BatchNorm1d(3)(ones(1, 3)),
  // load_state_dict missing key raises
  "programs/65": () => new nn.Linear(2, 3).loadStateDict({ weight: zeros(3, 2) }),
  // load_state_dict unexpected key raises
  "programs/66": () => new nn.Linear(2, 3).loadStateDict({ weight: zeros(3, 2), bias: zeros(3), foo: zeros(1) }),
  // load_state_dict shape mismatch raises
  "programs/67": () => new nn.Linear(2, 3).loadStateDict({ weight: zeros(2, 2), bias: zeros(3) }),
  // load_state_dict strict=False
  "programs/68": () => {
    const m = new nn.Linear(2, 3);
    const r = m.loadStateDict({ weight: zeros(3, 2), foo: zeros(1) }, { strict: false });
    return [r.missingKeys, r.unexpectedKeys, m.weight.detach()];
  },
  // state_dict order and names
  "programs/69": () => {
    const inner = new nn.Sequential(new nn.Linear(2, 3));
    return Object.keys(new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), inner).stateDict());
  },
  // shared parameter listed once
  "programs/71": () => {
    const a = new nn.Linear(2, 2);
    const m = new nn.Sequential(a, a);
    return [m.parameters().length, Object.keys(m.stateDict()).length];
  },
  // train/eval recursion
  "programs/72": () => {
    const m = new nn.Sequential(new nn.Dropout(), new nn.Sequential(new nn.Dropout()));
    const modes = (): boolean[] => m.modules().map((x) => x.training);
    m.eval();
    const before = modes();
    m[1]!.train();
    return [before, modes()];
  },
  // optimizer empty list raises
  "programs/74": () => new SGD([], { lr: 0.1 }),
  // optimizer negative lr raises
  "programs/75": () => new SGD([ones(1, { requiresGrad: true })], { lr: -1 }),
};
