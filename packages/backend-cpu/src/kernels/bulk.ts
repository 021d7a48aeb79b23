/** Moves of long runs by the engine itself: `memory.copy` and `memory.fill`. */
import { type Expr, type Func, i32, type Local, op, select } from "../wasm/emitter.ts";
import { type Access, loadScalar } from "./access.ts";

type Int = Local<"i32">;

/** Bytes from which the engine's own copying is faster than vectors that are not full, and than those that are. */
const BULK = 2 ** 8;
const BULK_FULL = 2 ** 14;
/** Bytes that it copies at once: of more it keeps the caches free, which is slower. */
const PIECE = 2 ** 18;

/** Moves a packed run, and is done, if it is long; `moved` elements would go by together without. */
export function addBulk(f: Func, [from, to]: readonly Int[], count: Int, { bytes }: Access, moved: number): void {
  const least = moved * bytes < 16 ? BULK : BULK_FULL;
  f.if(op("i32.ge_u", count, least / bytes), () => {
    copyBulk(f, to!, from!, f.let(op("i32.mul", count, bytes)));
    f.return();
  });
}

/** The engine's own copying, a piece at a time; moves the addresses. */
export function copyBulk(f: Func, to: Int, from: Int, bytes: Int): void {
  eachPiece(f, bytes, (some) => {
    f.copy(to, from, some);
    for (const pointer of [from, to]) f.inc(pointer, some);
  });
}

/** The same for one element that is repeated, if it is zero. */
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
