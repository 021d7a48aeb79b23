/** ★ In-place forms of views, a row each: the tensor takes the place of its own view, with that view's history. */
import type { Tensor } from "../tensor.ts";
import { checkHistory } from "./apply.ts";
import { swapaxes, swapdims } from "./rearranging.ts";
import { squeeze, t, transpose, unsqueeze } from "./views.ts";

type View = ((input: Tensor, ...rest: never[]) => Tensor) & { readonly names?: readonly string[] };

function relabelled<F extends View>(make: F): F {
  const call = (input: Tensor, ...rest: never[]): Tensor => {
    checkHistory(make.name, input);
    const view = make(input, ...rest);
    if (view === input) return input;
    input.node = view.node;
    input.outputIndex = view.outputIndex;
    input.adopt(view);
    view.dispose();
    return input;
  };
  return Object.assign(call, { names: make.names }) as unknown as F;
}

/** {@link squeeze}, in place. */
export const squeeze_: typeof squeeze = relabelled(squeeze);
/** {@link swapaxes}, in place. */
export const swapaxes_: typeof swapaxes = relabelled(swapaxes);
/** {@link swapdims}, in place. */
export const swapdims_: typeof swapdims = relabelled(swapdims);
/** {@link t}, in place. */
export const t_: typeof t = relabelled(t);
/** {@link transpose}, in place. */
export const transpose_: typeof transpose = relabelled(transpose);
/** {@link unsqueeze}, in place. */
export const unsqueeze_: typeof unsqueeze = relabelled(unsqueeze);
