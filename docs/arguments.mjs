/**
 * A TypeDoc plugin: pages show what people call, not how the sources say it. An op is a constant whose type holds a list of
 * names and a tuple of arguments, and layers and optimizers take `...args: Arguments<names, tuple>`; here such constants become
 * functions, such methods methods, and such constructors list their parameters, with the defaults of the sources.
 */
import {
  Comment,
  Converter,
  makeRecursiveVisitor,
  ParameterReflection,
  ReflectionFlag,
  ReflectionKind,
  SignatureReflection,
  UnionType,
} from "typedoc";
import ts from "typescript";

const longestDefault = 24;

/** @param {import("typedoc").Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, showCalls, 2e9);
}

function showCalls(context) {
  context.setActiveProgram(context.programs[0]);
  for (const reflection of Object.values(context.project.reflections)) {
    if (reflection.kindOf(ReflectionKind.Variable | ReflectionKind.Property)) callable(context, reflection);
    if (reflection.isSignature()) listed(context, reflection);
  }
  for (const { type } of Object.values(context.project.reflections)) shorten(type);
  context.setActiveProgram(undefined);
}

/** A constant or a property that is called with a tuple becomes a function or a method. */
function callable(context, reflection) {
  const symbol = context.getSymbolFromReflection(reflection);
  const called = symbol && context.checker.getTypeOfSymbol(symbol).getCallSignatures()[0];
  const tuple = called?.parameters.length === 1 && context.checker.getTypeOfSymbol(called.parameters[0]);
  if (!tuple || !isList(tuple)) return;
  const signature = new SignatureReflection(reflection.name, ReflectionKind.CallSignature, reflection);
  context.registerReflection(signature, undefined);
  signature.type = context.converter.convertType(within(context, signature), called.getReturnType());
  signature.comment = reflection.comment;
  signature.sources = reflection.sources;
  signature.parameters = parametersOf(context, signature, tuple);
  tellOfNames(signature);
  forget(context, reflection);
  reflection.kind = reflection.kind === ReflectionKind.Property ? ReflectionKind.Method : ReflectionKind.Function;
  reflection.signatures = [signature];
}

/** What the page of a constant says, and that of a function does not. */
function forget(context, reflection) {
  reflection.type?.visit(
    makeRecursiveVisitor({ reflection: ({ declaration }) => context.project.removeReflection(declaration) }),
  );
  for (const key of ["type", "comment", "defaultValue"]) delete reflection[key];
  for (const flag of [ReflectionFlag.Readonly, ReflectionFlag.Const]) reflection.setFlag(flag, false);
}

/** A signature with `...args: Arguments<names, tuple>`, or another tuple, lists its parameters. */
function listed(context, signature) {
  const rest = signature.parameters?.at(-1);
  if (!rest?.flags.isRest) return;
  const node = context.getSymbolFromReflection(rest)?.declarations?.[0];
  const tuple = writtenTuple(context, node?.type) ?? inheritedTuple(context, signature);
  if (!tuple) return;
  const parameters = parametersOf(context, signature, tuple, node && defaultsOf(node.parent));
  signature.parameters.splice(-1, 1, ...parameters);
  context.project.removeReflection(rest);
  if (signature.kind === ReflectionKind.ConstructorSignature) tellOfNames(signature);
}

function writtenTuple(context, node) {
  const given = node?.typeName?.getText() === "Arguments" ? node.typeArguments[1] : node;
  const tuple = given && context.checker.getTypeFromTypeNode(given);
  return tuple && isList(tuple) ? tuple : undefined;
}

/** The arguments of a class that its base class takes by a type parameter: by position, where names are another way. */
function inheritedTuple(context, signature) {
  const { checker } = context;
  const isCall = signature.parent.kindOf(ReflectionKind.Class);
  const symbol = context.getSymbolFromReflection(isCall ? signature.parent : signature.parent.parent);
  if (!symbol) return undefined;
  const signatures = isCall
    ? checker.getDeclaredTypeOfSymbol(symbol).getCallSignatures()
    : checker.getTypeOfSymbol(symbol).getConstructSignatures();
  const rest = signatures.length === 1 ? signatures[0].parameters.at(-1) : undefined;
  const type = rest && checker.getTypeOfSymbol(rest);
  return type && (type.types ?? [type]).find((each) => isList(each) && labelsOf(each).at(-1) !== "options");
}

/** The other way to call: overloads for it would be longer than all the rest. */
function tellOfNames(signature) {
  const last = signature.parameters.at(-1);
  if (signature.parameters.length < 2 || !(last.flags.isOptional || last.defaultValue)) return;
  const call = `${signature.name}(…, { ${last.name} })`;
  signature.comment ??= new Comment();
  signature.comment.summary.push(
    { kind: "text", text: "\n\nThe last arguments may go by their names, in one object: " },
    { kind: "code", text: `\`${signature.kind === ReflectionKind.ConstructorSignature ? "new " : ""}${call}\`` },
    { kind: "text", text: "." },
  );
}

/** The elements of a tuple as parameters. */
function parametersOf(context, signature, tuple, defaults = new Map()) {
  const types = context.checker.getTypeArguments(tuple);
  const { elementFlags, labeledElementDeclarations } = tuple.target;
  return labelsOf(tuple).map((name, at) => {
    const flags = elementFlags[at];
    const parameter = new ParameterReflection(name, ReflectionKind.Parameter, signature);
    context.registerReflection(parameter, undefined);
    parameter.type = given(context.converter.convertType(within(context, parameter), types[at]));
    parameter.setFlag(ReflectionFlag.Rest, Boolean(flags & ts.ElementFlags.Rest));
    parameter.defaultValue = defaults.get(name) ?? shortened(labeledElementDeclarations[at].initializer);
    parameter.setFlag(ReflectionFlag.Optional, !parameter.defaultValue && Boolean(flags & ts.ElementFlags.Optional));
    return parameter;
  });
}

/** The type of a parameter without what being left out adds to it. */
function given(type) {
  if (type.type !== "union") return type;
  const types = type.types.filter(({ name }) => name !== "undefined");
  return types.length === 1 ? types[0] : new UnionType(types);
}

/** Type arguments that say nothing are left out, in place. */
function shorten(type) {
  const parts = type?.types ?? type?.elements ?? [type?.elementType, type?.element];
  for (const part of parts) if (part) shorten(part);
  if (type?.type === "reference" && type.typeArguments?.every(({ name }) => name === "DType"))
    delete type.typeArguments;
}

/** The context in which types of a reflection are converted. */
function within(context, reflection) {
  return reflection.parent ? within(context, reflection.parent).withScope(reflection) : context;
}

/** A tuple whose elements all have names. */
function isList(type) {
  const named = type.target?.labeledElementDeclarations;
  return named?.length > 0 && named.every((name) => name !== undefined);
}

/** Names, without the underscore of those that a body does not use. */
function labelsOf(tuple) {
  return tuple.target.labeledElementDeclarations.map(({ name }) => name.getText().replace(/^_/, ""));
}

/** Defaults by parameters, from what a constructor takes apart first. */
function defaultsOf(maker) {
  const declarations = maker.body?.statements.flatMap((s) => s.declarationList?.declarations ?? []) ?? [];
  const reading = declarations.find(({ initializer }) => initializer?.expression?.getText() === "readArguments");
  const elements = reading?.name.elements?.filter(ts.isBindingElement) ?? [];
  return new Map(elements.map(({ name, initializer }) => [name.getText(), shortened(initializer)]));
}

/** Longer defaults are formulas: the docstrings tell of them. */
function shortened(initializer) {
  const text = initializer?.getText();
  return text?.length <= longestDefault ? text : undefined;
}
