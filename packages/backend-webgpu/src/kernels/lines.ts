/**
 * Loops along lines: a view of [lines, length] is walked by one invocation a line, where lines are many or short, or by
 * a workgroup a line, whose invocations join what they found in shared memory.
 */
import type { Program } from "../program.ts";
import type { Fold } from "../wgsl/fold.ts";
import { Scope } from "../wgsl/scope.ts";

export interface Lines {
  /** Invocations that share a line: 1, or a power of two. */
  readonly team: number;
  readonly program: Program;
  /** How many lines there are, and their length, as WGSL. */
  readonly count: string;
  readonly length: string;
}

const crowd = 64;

export function lines(program: Program, count: number, length: number, team: number): Lines {
  program.note(`team${team}`);
  return { team, program, count: program.word(count), length: program.word(length) };
}

/** As many invocations as a line of this length keeps busy; `across`: neighbouring lines lie side by side in memory. */
export function teamFor(length: number, across: boolean): number {
  if (length <= (across ? 512 : 32)) return 1;
  return length <= 1024 ? 64 : 256;
}

export function groupsFor(count: number, team: number): number {
  return team === 1 ? Math.ceil(count / crowd) : count;
}

/** The module: `body` gets the line's number and the invocation's place in its team. */
export function linesSource(
  { team, program, count }: Lines,
  fold: Fold,
  body: (scope: Scope, line: string, member: string) => void,
): string {
  const scope = new Scope();
  const line = team === 1 ? scope.let(`group * ${crowd}u + lane`) : "group";
  scope.line(`if (${line} >= ${count}) { return; }`);
  body(scope, line, team === 1 ? "0u" : "lane");
  const shared = team === 1 ? "" : `var<workgroup> shared_: array<Acc, ${team}>;`;
  return program.source(scope.lines, team === 1 ? crowd : team, `${fold.declare}\n${shared}`);
}

/** Runs `body` for the places of a line that fall to this member. */
export function along(scope: Scope, { team, length }: Lines, member: string, body: (inner: Scope) => void): void {
  scope.block(`for (var k = ${member}; k < ${length}; k += ${team}u)`, body);
}

/** Gathers a whole line; afterwards every member's `acc` is the line's. */
export function gather(scope: Scope, walk: Lines, fold: Fold, member: string, element: (inner: Scope) => string): void {
  scope.line(`var acc: Acc = ${fold.start};`);
  along(scope, walk, member, (inner) => inner.line(`acc = merge(acc, ${fold.lift(element(inner), "k")});`));
  if (walk.team === 1) return;
  scope.line("shared_[lane] = acc;");
  scope.line("workgroupBarrier();");
  scope.block(`for (var reach = ${walk.team / 2}u; reach > 0u; reach >>= 1u)`, (inner) => {
    inner.line("if (lane < reach) { shared_[lane] = merge(shared_[lane], shared_[lane + reach]); }");
    inner.line("workgroupBarrier();");
  });
  scope.line("acc = shared_[0];");
}
