/**
 * `Symbol.dispose` for hosts and libraries older than `using`: imported before any class that has the method. Compilers
 * whose library knows the symbol merge the two declarations.
 */
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

const host: { dispose?: symbol } = Symbol;
host.dispose ??= Symbol("Symbol.dispose");

export {};
