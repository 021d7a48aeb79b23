/**
 * Modules, parameters, layers and losses.
 *
 * @packageDocumentation
 */
export type { BackwardHook, Gradients } from "./backward-hooks.ts";
export * from "./containers.ts";
export { deepcopy } from "./deepcopy.ts";
export * as F from "./functional/index.ts";
export * as functional from "./functional/index.ts";
export type { Reduction } from "./functional/reduction.ts";
export { type FunctionalCallOptions, functionalCall } from "./functional-call.ts";
export type { Anything } from "./hooked.ts";
export type { ForwardHook, ForwardPreHook, Removable } from "./hooks.ts";
export * as init from "./init.ts";
export * from "./layers/index.ts";
export type { LoadOptions, LoadReport, StateDict } from "./load.ts";
export * as metrics from "./metrics/index.ts";
export { Module } from "./module.ts";
export { Parameter } from "./parameter.ts";
export * as swaUtils from "./swa-utils.ts";
export type { ModuleTarget } from "./target.ts";
export * as utils from "./utils.ts";
