/** Python's text as tokens; how lines are indented becomes tokens, too. */
import { unsupported } from "../outcome.ts";

export interface Token {
  readonly kind: "name" | "number" | "text" | "operator" | "newline" | "indent" | "dedent" | "end";
  readonly text: string;
}

const token =
  /[ \t]*(?:(#[^\n]*)|(\\?\n)|(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?)|([rb]?(?:"[^"\n]*"|'[^'\n]*'))|([A-Za-z_]\w*)|(\*\*=|\/\/=|<<=|>>=|\.\.\.|\*\*|\/\/|<<|>>|==|!=|<=|>=|->|[-+*/%@&|^]=|[-+*/%@()[\]{},.:;=<>~&|^]))/y;

const newline: Token = { kind: "newline", text: "\n" };

export function tokenize(text: string): Token[] {
  const found: Token[] = [];
  const indents = [0];
  let depth = 0;
  let isFresh = true;
  token.lastIndex = 0;
  for (const end = text.trimEnd().length; token.lastIndex < end; ) {
    if (isFresh) isFresh = !indent(text, found, indents);
    const match = token.exec(text) ?? unsupported(`the text ${text}`);
    const [, comment, line, number, quoted, name, operator] = match;
    if (comment !== undefined) continue;
    if (line !== undefined) {
      if (depth > 0 || line.startsWith("\\")) continue;
      if (!isFresh) found.push(newline);
      isFresh = true;
    } else if (number !== undefined) found.push({ kind: "number", text: number });
    else if (quoted !== undefined) found.push({ kind: "text", text: unquoted(quoted) });
    else if (name !== undefined) found.push({ kind: "name", text: name });
    else {
      if ("([{".includes(operator!)) depth++;
      if (")]}".includes(operator!)) depth--;
      found.push({ kind: "operator", text: operator! });
    }
  }
  found.push(newline, ...indents.slice(1).map((): Token => ({ kind: "dedent", text: "" })));
  return [...found, { kind: "end", text: "" }];
}

/** The tokens of how far a line is indented; false for lines without anything. */
function indent(text: string, found: Token[], indents: number[]): boolean {
  const [spaces] = /^[ \t]*/.exec(text.slice(token.lastIndex))!;
  const next = text[token.lastIndex + spaces.length];
  if (next === "\n" || next === "#") return false;
  if (spaces.length > indents.at(-1)!) {
    indents.push(spaces.length);
    found.push({ kind: "indent", text: "" });
  }
  while (spaces.length < indents.at(-1)!) {
    indents.pop();
    found.push({ kind: "dedent", text: "" });
  }
  return true;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t" };

function unquoted(text: string): string {
  const inside = text.replace(/^[rb]?["']|["']$/g, "");
  return text.startsWith("r") ? inside : inside.replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter);
}
