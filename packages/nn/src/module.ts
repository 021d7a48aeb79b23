import {
  type Arguments,
  clearGradients,
  type DType,
  isFloat,
  noGrad,
  readArguments,
  scope,
  Tensor,
  type ZeroGradArguments,
} from "@dl/tensor";
import { type Copy, FILL, fieldCopier, listed } from "./copying.ts";
import { checkField, holdTensor, listedName, refuseTensor } from "./fields.ts";
import { type Anything, Hooked } from "./hooked.ts";
import { byName, type LoadOptions, type LoadReport, loadInto, type StateDict } from "./load.ts";
import { stateName } from "./naming.ts";
import { Parameter } from "./parameter.ts";
import { layout } from "./repr.ts";
import { ROLE, type Role } from "./role.ts";
import { standsIn } from "./stand-ins.ts";
import { adoptAll, type ModuleTarget, readTarget } from "./target.ts";
import { find, gather, nested, unique } from "./tree.ts";
import { type Naming, namings, type Prefix, type Recursion, recursion } from "./walking.ts";

// biome-ignore lint/correctness/noUnusedVariables: an interface must repeat the parameters of the class that it completes.
export interface Module<In extends readonly unknown[] = Anything, Out = Anything> {
  /** Runs {@link Module.forward}, with the hooks before and after it. */
  (...input: Parameters<this["forward"]>): ReturnType<this["forward"]>;
}

/**
 * The base of all layers and models. Make layers in fields or in the constructor, compute in `forward`, and call the
 * instance, `model(x)`: that runs the hooks, too. Fields that are parameters, modules or registered buffers are found, in the
 * order of assignment; private `#fields` and plain arrays are not (use {@link ModuleList}). Field names become snake_case in
 * state dicts, so PyTorch's weights fit.
 *
 * A new module is in training mode; call {@link Module.eval} before using it, {@link Module.train} before training on.
 * @throws TensorError by the methods below, with the names there are and the names that are missing
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html
 * @example
 * class Net extends Module {
 *   hidden = new Linear(4, 8);
 *   head = new Linear(8, 2);
 *   forward(x: Tensor) { return this.head(this.hidden(x).relu()); }
 * }
 * const model = new Net();
 * model(rand(3, 4)).shape; // [3, 2]
 * model.parameters().length; // 4: two weights, two biases
 */
export abstract class Module<In extends readonly unknown[] = Anything, Out = Anything> extends Hooked<In, Out> {
  /** Whether layers that differ between training and use (dropout, batch norm) train. */
  training = true;
  readonly #buffers = new Map<string, boolean>();
  /** The names under which parameters were seen, and their places among the members. */
  readonly #parameters = new Map<string, number>();

  /**
   * The object that {@link deepcopy} fills with this one's fields, made without the constructors of its classes. A class with
   * private `#members` overrides it; see there.
   */
  emptyCopy(_memo: Map<unknown, unknown>): this {
    return Object.setPrototypeOf(Reflect.construct(Module, []), Object.getPrototypeOf(this));
  }

  /** @internal */
  override [FILL](into: this, copy: Copy): void {
    super[FILL](into, copy);
    into.#buffers.clear();
    const copyField = fieldCopier(this, into, copy);
    for (const key of listed(this)) {
      const persistent = this.#buffers.get(key as string);
      if (persistent === undefined) copyField(key);
      else into.registerBuffer(key as string, copy(this[key as never], String(key)), persistent);
    }
    for (const [name, place] of this.#parameters) into.#parameters.set(name, place);
  }

  /** What a container may rely on; layers say it for the `forward` that they have themselves. @internal */
  get [ROLE](): Role | undefined {
    return undefined;
  }

  /**
   * Makes the field `name` a buffer: state that is no parameter, such as a running mean. It moves with the module and,
   * unless `persistent` is false, is part of the state dict. Tensors assigned to the field later outlive their scope.
   * @throws TensorError for a name that is taken or no name, and for what is neither a tensor nor null, later too
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer
   * @example
   * class Average extends Module {
   *   mean!: Tensor;
   *   constructor(features: number) {
   *     super();
   *     this.registerBuffer("mean", zeros(features));
   *   }
   *   forward(x: Tensor) {
   *     this.mean = this.mean.mul(0.9).add(x.detach().mean(0).mul(0.1));
   *     return x.sub(this.mean);
   *   }
   * }
   */
  registerBuffer(name: string, value: Tensor | null, ...args: Arguments<["persistent"], [persistent?: boolean]>): void {
    const call = { name: "registerBuffer", names: ["persistent"] };
    const [persistent = true] = readArguments<[persistent?: boolean]>(call, args);
    checkField("registerBuffer", this, name, value, Tensor);
    this.#buffers.set(name, persistent);
    holdTensor(this, name);
    Object.assign(this, { [name]: value });
  }

  /**
   * Makes the field `name` a parameter; for names that are made up at run time, since fields are found by themselves. In
   * lists and dictionaries of parameters it is an item.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_parameter
   */
  registerParameter(name: string, value: Parameter | null): void {
    checkField("registerParameter", this, name, value, Parameter);
    Object.assign(this, { [name]: value });
  }

  /**
   * Makes the field `name` a module inside this one; for names that are made up at run time. In containers of modules it is
   * an item.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.add_module
   * @example
   * const net = new Sequential();
   * for (const name of ["a", "b"]) net.addModule(name, new Linear(4, 4));
   */
  addModule(name: string, module: Module | null): void {
    checkField("addModule", this, name, module, Module);
    Object.assign(this, { [name]: module });
  }

  /** Named members in order: this module's own fields. Containers list their items instead. */
  protected *members(): Iterable<readonly [name: string, value: unknown]> {
    for (const [field, value] of Object.entries(this)) {
      if (!this.#buffers.has(field)) yield [listedName(this, field, value), value];
    }
  }

  /** This module's own parameters, not those of its children. @internal */
  *ownParameters(): Iterable<readonly [string, Parameter]> {
    let place = 0;
    for (const [name, value] of this.members()) {
      place++;
      const seen = this.#parameters.get(name);
      if (value instanceof Parameter || standsIn(this, name, value)) {
        this.#parameters.set(name, place);
        yield [name, value as Parameter];
      } else if (value instanceof Tensor && seen !== undefined) {
        // What was deleted and is there again, computed from others, has gone to the end.
        if (place <= seen) refuseTensor(this.getName(), name);
        this.#parameters.delete(name);
      }
    }
  }

  /** @internal */
  *ownBuffers(persistentOnly: boolean = false): Iterable<readonly [string, Tensor]> {
    for (const [field, persistent] of this.#buffers) {
      const value = (this as unknown as Record<string, unknown>)[field];
      if (value instanceof Tensor && (persistent || !persistentOnly)) yield [stateName(field), value];
    }
  }

  /** @internal */
  *ownModules(): Iterable<readonly [string, Module]> {
    for (const [name, value] of this.members()) if (value instanceof Module) yield [name, value];
  }

  /** The modules directly inside, each once. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.children */
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /**
   * The modules directly inside with their names, each once.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.named_children
   */
  namedChildren(): [name: string, module: Module][] {
    return unique(this.ownModules());
  }

  /** This module and all inside it, depth first, each once. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.modules */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /**
   * {@link Module.modules} with their names: `""`, `"layer1"`, `"layer1.0"`…
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.named_modules
   */
  namedModules(...args: Prefix): [name: string, module: Module][] {
    const [prefix = ""] = readArguments<[string?]>({ name: "namedModules", names: ["prefix"] }, args);
    return unique(nested<Module>(this, prefix));
  }

  /** All parameters, of children too; shared ones once. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.parameters */
  parameters(...args: Recursion): Parameter[] {
    return this.namedParameters("", recursion("parameters", args)).map(([, parameter]) => parameter);
  }

  /**
   * {@link Module.parameters} with the names that state dicts use.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.named_parameters
   */
  namedParameters(...args: Naming): [name: string, parameter: Parameter][] {
    const [prefix, recurse] = namings("namedParameters", args);
    return unique(gather<Module, Parameter>(this, prefix, recurse, (module) => module.ownParameters()));
  }

  /** All buffers, of children too. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.buffers */
  buffers(...args: Recursion): Tensor[] {
    return this.namedBuffers("", recursion("buffers", args)).map(([, buffer]) => buffer);
  }

  /**
   * {@link Module.buffers} with the names that state dicts use.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.named_buffers
   */
  namedBuffers(...args: Naming): [name: string, buffer: Tensor][] {
    const [prefix, recurse] = namings("namedBuffers", args);
    return unique(gather<Module, Tensor>(this, prefix, recurse, (module) => module.ownBuffers()));
  }

  /**
   * The module of that name inside, such as `"layer1.0"`; `""` is this one.
   * @throws TensorError when there is none, with the names there are
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.get_submodule
   */
  getSubmodule(target: string): Module {
    return find("getSubmodule", target, [...nested<Module>(this, "")]);
  }

  /**
   * The parameter of that name, such as `"layer1.0.weight"`.
   * @throws TensorError when there is none, with the names there are
   */
  getParameter(target: string): Parameter {
    return find("getParameter", target, [
      ...gather<Module, Parameter>(this, "", true, (module) => module.ownParameters()),
    ]);
  }

  /**
   * The buffer of that name, such as `"layer1.1.running_mean"`.
   * @throws TensorError when there is none, with the names there are
   */
  getBuffer(target: string): Tensor {
    return find("getBuffer", target, [...gather<Module, Tensor>(this, "", true, (module) => module.ownBuffers())]);
  }

  /**
   * Parameters and persistent buffers by name, under PyTorch's names; they share memory with the module.
   * `prefix` stands before each name as it is.
   * @throws TensorError for two fields of one name, such as `convA` and `conv_a`
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.state_dict
   * @example await save(model.stateDict(), "model.safetensors");
   */
  stateDict(...args: Prefix): StateDict {
    const [prefix = ""] = readArguments<[string?]>({ name: "stateDict", names: ["prefix"] }, args);
    const state = (module: Module): Iterable<readonly [string, Tensor]> => [
      ...module.ownParameters(),
      ...module.ownBuffers(true),
    ];
    return byName(prefix, gather<Module, Tensor>(this, "", true, state));
  }

  /**
   * Copies the values of a state dict into this module, casting and moving them.
   * @throws TensorError that lists missing and unexpected names (unless `strict` is false) and shapes that differ;
   *   nothing is changed then
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
   * @example
   * model.loadStateDict(await load("model.safetensors"));
   * const { missingKeys } = model.loadStateDict({ weight: zeros(2, 4) }, { strict: false }); // ["bias"]
   */
  loadStateDict(state: StateDict, options: LoadOptions | boolean = {}): LoadReport {
    return loadInto(this, state, options);
  }

  /** Training mode for this module, and its children's `train` with the same. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.train */
  train(mode: boolean = true): this {
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }

  /** The opposite of {@link train}. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval */
  eval(): this {
    return this.train(false);
  }

  /**
   * Calls `fn` with every module inside, children first, and this one last.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.apply
   * @example
   * model.apply((module) => {
   *   if (module instanceof Linear) init.xavierUniform_(module.weight);
   * });
   */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /**
   * Moves parameters and buffers to a device, or casts those of a float dtype. They stay the same objects, so optimizers
   * that hold them keep working. Leaving a GPU waits where the host can; elsewhere `await model.cpu()` is the way.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.to
   * @example
   * model.to("float64");
   * model.to({ device: "cpu", dtype: "float32" });
   */
  to(target: DType | string | ModuleTarget): this {
    const wanted = readTarget(target);
    const convert = (x: Tensor): Tensor => x.detach().to(isFloat(x.dtype) ? wanted : { device: wanted.device });
    noGrad(() => scope(() => adoptAll([...this.#tensors()].map((x) => [x, convert(x)]))));
    return this;
  }

  /** Brings parameters and buffers to the CPU, from anywhere. */
  async cpu(): Promise<this> {
    const home: [Tensor, Tensor][] = [];
    for (const x of this.#tensors()) home.push([x, await x.detach().cpu()]);
    noGrad(() => adoptAll(home));
    return this;
  }

  /**
   * Casts parameters and buffers of a float dtype to float32.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.float
   */
  float(): this {
    return this.to("float32");
  }

  /**
   * Casts parameters and buffers of a float dtype to float64.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.double
   */
  double(): this {
    return this.to("float64");
  }

  /**
   * Casts parameters and buffers of a float dtype to float16.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.half
   */
  half(): this {
    return this.to("float16");
  }

  /**
   * Casts parameters and buffers of a float dtype to bfloat16.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.bfloat16
   */
  bfloat16(): this {
    return this.to("bfloat16");
  }

  /** Parameters, their gradients, buffers. */
  #tensors(): Set<Tensor> {
    const gradients = this.parameters().flatMap(({ grad }) => (grad ? [grad] : []));
    return new Set([...this.parameters(), ...gradients, ...this.buffers()]);
  }

  /** Freezes all parameters, or thaws them. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.requires_grad_ */
  requiresGrad_(requiresGrad: boolean = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** Drops all gradients, or fills them with zeros. @see https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.zero_grad */
  zeroGrad(...args: ZeroGradArguments): void {
    clearGradients(this.parameters(), ...args);
  }

  /** What is printed between the parentheses. */
  extraRepr(): string {
    return "";
  }

  /** The name that is printed. */
  getName(): string {
    return this.constructor.name;
  }

  /** The module and all inside it, as PyTorch prints them. */
  override toString(): string {
    const children = [...this.ownModules()].map(([name, child]) => [name, child.toString()] as const);
    return layout(this.getName(), this.extraRepr(), children);
  }
}

// Node's inspector shows the same.
Object.defineProperty(Module.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: Module.prototype.toString });
