/** The part of Python's grammar that short PyTorch programs use. */

export type Expression =
  | { readonly kind: "literal"; readonly value: unknown }
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "star"; readonly value: Expression }
  | { readonly kind: "dict"; readonly entries: readonly (readonly [key: Expression, value: Expression])[] }
  | { readonly kind: "unary"; readonly operator: string; readonly value: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "compare"; readonly first: Expression; readonly rest: readonly Comparison[] }
  | { readonly kind: "logic"; readonly operator: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "choice"; readonly test: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: "lambda"; readonly parameters: readonly Parameter[]; readonly body: Expression }
  | { readonly kind: "attribute"; readonly object: Expression; readonly name: string }
  | { readonly kind: "call"; readonly callee: Expression; readonly args: readonly Argument[] }
  | { readonly kind: "subscript"; readonly object: Expression; readonly index: Expression }
  | { readonly kind: "slice"; readonly parts: readonly (Expression | null)[] }
  | {
      readonly kind: "comprehension";
      readonly item: Expression;
      readonly key?: Expression;
      readonly clauses: readonly Clause[];
    };

export interface Comparison {
  readonly operator: string;
  readonly right: Expression;
}

export interface Parameter {
  readonly name: string;
  /** One star takes the other positional arguments, two the other keywords. */
  readonly stars: 0 | 1 | 2;
  readonly preset?: Expression;
}

export interface Argument {
  readonly name?: string;
  readonly stars: 0 | 1 | 2;
  readonly value: Expression;
}

/** `for target in values if test`. */
export interface Clause {
  readonly target: Expression;
  readonly values: Expression;
  readonly tests: readonly Expression[];
}

export type Statement =
  | { readonly kind: "expression"; readonly value: Expression }
  | { readonly kind: "assign"; readonly targets: readonly Expression[]; readonly value: Expression }
  | { readonly kind: "augment"; readonly target: Expression; readonly operator: string; readonly value: Expression }
  | { readonly kind: "return"; readonly value: Expression | null }
  | { readonly kind: "raise" | "assert" | "delete"; readonly values: readonly Expression[] }
  | { readonly kind: "pass" | "break" | "continue" }
  | { readonly kind: "if" | "while"; readonly test: Expression; readonly body: Block; readonly otherwise: Block }
  | { readonly kind: "for"; readonly target: Expression; readonly values: Expression; readonly body: Block }
  | { readonly kind: "with"; readonly contexts: readonly Context[]; readonly body: Block }
  | {
      readonly kind: "def";
      readonly name: string;
      readonly parameters: readonly Parameter[];
      readonly body: Block;
      readonly decorators: readonly Expression[];
    }
  | { readonly kind: "class"; readonly name: string; readonly bases: readonly Expression[]; readonly body: Block }
  | {
      readonly kind: "try";
      readonly body: Block;
      readonly handlers: readonly Handler[];
      readonly otherwise: Block;
      readonly final: Block;
    }
  | { readonly kind: "import"; readonly names: readonly (readonly [path: string, name: string])[] };

export type Block = readonly Statement[];

export interface Context {
  readonly value: Expression;
  readonly target?: Expression;
}

export interface Handler {
  readonly name?: string;
  readonly body: Block;
}
