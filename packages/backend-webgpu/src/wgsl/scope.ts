/** Lines of WGSL with every subexpression named once: equal text in an enclosing block is the same value. */
export class Scope {
  readonly lines: string[] = [];
  readonly #names: Map<string, string>;
  readonly #counter: { next: number };

  constructor(parent?: Scope) {
    this.#names = new Map(parent ? parent.#names : []);
    this.#counter = parent ? parent.#counter : { next: 0 };
  }

  /** A name for the value of `text`. */
  let(text: string): string {
    if (/^(\w+|u\[\d+\]\.\w)$/.test(text)) return text;
    const known = this.#names.get(text);
    if (known) return known;
    const name = `v${this.#counter.next++}`;
    this.#names.set(text, name);
    this.lines.push(`let ${name} = ${text};`);
    return name;
  }

  line(text: string): void {
    this.lines.push(text);
  }

  /** Lines inside braces after `head`; names made there stay there. */
  block(head: string, body: (inner: Scope) => void): void {
    const inner = new Scope(this);
    body(inner);
    this.lines.push(`${head} {`, ...inner.lines.map((line) => `  ${line}`), "}");
  }
}
