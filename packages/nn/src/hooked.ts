/** Calls that hooks may see and change, forward and backward. */
import { fail, type Tensor } from "@dl/tensor";
import { type BackwardHook, replacement, watchGradients } from "./backward-hooks.ts";
import { Callable } from "./callable.ts";
import { type Copy, FILL } from "./copying.ts";
import { type ForwardHook, type ForwardPreHook, Hooks, type Removable } from "./hooks.ts";
import { BEFORE, WATCHED } from "./role.ts";

// biome-ignore lint/suspicious/noExplicitAny: a subclass states its inputs and result in `forward`, not here.
export type Anything = any;

export abstract class Hooked<In extends readonly unknown[] = Anything, Out = Anything> extends Callable {
  readonly #before = new Hooks<ForwardPreHook<Hooked>>();
  readonly #after = new Hooks<ForwardHook<Hooked>>();
  readonly #backward = new Hooks<BackwardHook<Hooked>>();

  /** What calling the module computes. */
  abstract forward(...input: In): Out;

  /** Gives a copy the same hooks. @internal */
  [FILL](into: this, _copy: Copy): void {
    into.#before.replace(this.#before);
    into.#after.replace(this.#after);
    into.#backward.replace(this.#backward);
  }

  /** The hooks that see arguments. @internal */
  get [BEFORE](): Hooks<ForwardPreHook<Hooked>> {
    return this.#before;
  }

  /** Whether hooks see what goes in and out. @internal */
  get [WATCHED](): boolean {
    return this.#before.size + this.#after.size + this.#backward.size > 0;
  }

  /** @internal */
  override invoke(input: unknown[]): unknown {
    if (!this.forward) fail(this.constructor.name, "has no forward", "Write forward(x) { … } in the class");
    if (!this[WATCHED]) return this.forward(...(input as unknown as In));
    let args = input;
    for (const hook of this.#before) {
      const changed = hook(this, args) ?? args;
      args = Array.isArray(changed) ? changed : [changed];
    }
    let output = this.#watched(args);
    for (const hook of this.#after) output = hook(this, args, output) ?? output;
    return output;
  }

  #watched(args: readonly unknown[]): unknown {
    if (this.#backward.size === 0) return this.forward(...(args as unknown as In));
    return watchGradients(
      args,
      (input) => this.forward(...(input as unknown as In)),
      (gradInput, gradOutput) => {
        let changed: Tensor | undefined;
        for (const hook of this.#backward) {
          const seen = changed ? gradInput.map((gradient) => gradient && changed!) : gradInput;
          changed = replacement(hook(this, seen, gradOutput), gradInput) ?? changed;
        }
        return changed;
      },
    );
  }

  /** Calls `hook` before every forward. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_pre_hook */
  registerForwardPreHook(hook: ForwardPreHook<this>): Removable {
    return this.#before.add(hook as ForwardPreHook<Hooked>);
  }

  /** Calls `hook` after every forward. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook */
  registerForwardHook(hook: ForwardHook<this>): Removable {
    return this.#after.add(hook as ForwardHook<Hooked>);
  }

  /**
   * Calls `hook` in every backward pass that goes through this module, with the gradients of the tensors among its
   * arguments and results. Where one argument has a gradient, the hook may return another one for it, alone or in its place in a list.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook
   * @example
   * const hook = model.registerFullBackwardHook((_, [gradInput], [gradOutput]) => {
   *   console.log(gradInput?.shape, gradOutput?.shape);
   * });
   * model(rand(3, 4, { requiresGrad: true })).sum().backward(); // prints [3, 4] [3, 2]
   * hook.remove();
   */
  registerFullBackwardHook(hook: BackwardHook<this>): Removable {
    return this.#backward.add(hook as BackwardHook<Hooked>);
  }
}
