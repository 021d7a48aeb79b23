/** Copies and clears long runs by the engine's own instructions, `memory.copy` and `memory.fill`. */
import { type Expr, type Func, i32, type Local, op, select } from "../wasm/emitter.ts";
import { type Access, loadScalar } from "./access.ts";

type Int = Local<"i32">;

/** From so many bytes on `memory.copy` is faster than a loop whose vectors are not full. */
const BULK = 2 ** 8;
/** From so many bytes on it is faster than a loop over full vectors. */
const BULK_FULL = 2 ** 14;
/** It copies so many bytes at a time. Longer copies would bypass the caches, which is slower. */
const PIECE = 2 ** 18;

/**
 * Writes code that copies a packed run and leaves the function, if the run is long enough. `moved` is the number of
 * elements that the loop behind it would take at a time.
 */
export function addBulk(f: Func, [from, to]: readonly Int[], count: Int, { bytes }: Access, moved: number): void {
  const least = moved * bytes < 16 ? BULK : BULK_FULL;
  f.if(op("i32.ge_u", count, least / bytes), () => {
    copyBulk(f, to!, from!, f.let(op("i32.mul", count, bytes)));
    f.return();
  });
}

/** Copies by `memory.copy`, a piece at a time, and moves both addresses. */
export function copyBulk(f: Func, to: Int, from: Int, bytes: Int): void {
  eachPiece(f, bytes, (some) => {
    f.copy(to, from, some);
    for (const pointer of [from, to]) f.inc(pointer, some);
  });
}

/** The same for a run of one repeated element, if that is zero. */
export function addZeros(f: Func, [from, to]: readonly Int[], count: Int, of: Access): void {
  f.if(op("i32.ge_u", count, BULK_FULL / of.bytes), () => {
    const element = loadScalar({ ...of, raw: of.bytes === 8 ? "i64" : "i32" }, from!) as Expr<"i32">;
    f.if(op(of.bytes === 8 ? "i64.eqz" : "i32.eqz", element as never), () => {
      eachPiece(f, f.let(op("i32.mul", count, of.bytes)), (some) => {
        f.fill(to!, 0, some);
        f.inc(to!, some);
      });
      f.return();
    });
  });
}

function eachPiece(f: Func, bytes: Int, body: (some: Int) => void): void {
  f.while(bytes, () => {
    const some = f.let(select(op("i32.lt_u", bytes, PIECE), bytes, i32(PIECE)));
    body(some);
    f.set(bytes, op("i32.sub", bytes, some));
  });
}
