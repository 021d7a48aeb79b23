/**
 * Reads Python's pickles without running anything: a stack machine that knows how to make numbers, text, lists and
 * dictionaries, and asks its owner about every name of a class or function. Dictionaries become maps, tuples and lists arrays.
 * @see https://docs.python.org/3/library/pickletools.html
 */

import { PickleError, type Reader } from "./reader.ts";

/** What a pickle may call, by its full name in Python. */
export type Callables = ReadonlyMap<string, (...args: unknown[]) => unknown>;

/** A name in Python that stands for no call, such as the dtype of a storage. */
export interface Name {
  readonly python: string;
}

/** What a pickle needs from its owner. */
export interface Owner {
  readonly calls: Callables;
  /** Finds what the pickle keeps elsewhere. */
  persistent(id: unknown): unknown;
}

/** The value of the pickle at the reader's place, which then stands behind it. */
export function unpickle(reader: Reader, owner: Owner): unknown {
  const machine = new Machine(reader, owner);
  for (;;) {
    const code = reader.byte();
    if (code === STOP) return machine.pop();
    const step = steps[code];
    if (!step) throw new PickleError(`has the unknown instruction ${code}`);
    step(machine);
  }
}

class Machine {
  readonly reader: Reader;
  readonly owner: Owner;
  readonly memo = new Map<number, unknown>();
  stack: unknown[] = [];
  readonly #marks: unknown[][] = [];

  constructor(reader: Reader, owner: Owner) {
    this.reader = reader;
    this.owner = owner;
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length === 0) throw new PickleError("takes more than it has given");
    return this.stack.pop();
  }

  /** The last `count` values, in their order. */
  popMany(count: number): unknown[] {
    if (this.stack.length < count) throw new PickleError("takes more than it has given");
    return this.stack.splice(this.stack.length - count);
  }

  mark(): void {
    this.#marks.push(this.stack);
    this.stack = [];
  }

  /** All since the mark. */
  popMark(): unknown[] {
    const values = this.stack;
    this.stack = this.#marks.pop() ?? fail("has no mark");
    return values;
  }

  peek<T>(kind: abstract new (...args: never[]) => T): T {
    const top = this.stack.at(-1);
    return top instanceof kind ? top : fail("adds to what is no collection");
  }

  store(index: number): void {
    this.memo.set(index, this.stack.at(-1));
  }

  recall(index: number): void {
    if (!this.memo.has(index)) fail("recalls what it has not kept");
    this.push(this.memo.get(index));
  }

  name(module: string, name: string): void {
    this.push({ python: `${module}.${name}` } satisfies Name);
  }

  call(): void {
    const [callee, args] = this.popMany(2);
    const { python } = (callee ?? {}) as Partial<Name>;
    const found = python === undefined ? undefined : this.owner.calls.get(python);
    if (!found || !Array.isArray(args)) {
      fail(`holds ${python === undefined ? "a call" : `an object of ${python}`}, which is no plain data`);
    }
    this.push(found(...args));
  }
}

function fail(problem: string): never {
  throw new PickleError(problem);
}

function addPairs(machine: Machine, pairs: readonly unknown[]): void {
  const map = machine.peek(Map);
  for (let i = 0; i + 1 < pairs.length; i += 2) map.set(pairs[i], pairs[i + 1]);
}

function appendAll(machine: Machine, values: readonly unknown[]): void {
  const list = machine.peek(Array);
  for (const value of values) list.push(value);
}

const STOP = 0x2e;

type Step = (machine: Machine) => void;

const text =
  (size: (reader: Reader) => number): Step =>
  (m) =>
    m.push(m.reader.text(size(m.reader)));

const bytes =
  (size: (reader: Reader) => number): Step =>
  (m) =>
    m.push(new Uint8Array(m.reader.take(size(m.reader))));

const gives =
  (make: (reader: Reader) => unknown): Step =>
  (m) =>
    m.push(make(m.reader));

const tuple =
  (size: number): Step =>
  (m) =>
    m.push(m.popMany(size));

const oneByte = (reader: Reader): number => reader.byte();
const fourBytes = (reader: Reader): number => reader.uint32();
const eightBytes = (reader: Reader): number => reader.uint64();

/** ★ By code. What is missing is not plain data, or is no longer written. */
const steps: Readonly<Record<number, Step>> = {
  128: (m) => void m.reader.byte(), // PROTO
  149: (m) => void m.reader.uint64(), // FRAME
  40: (m) => m.mark(), // MARK
  48: (m) => void m.pop(), // POP
  78: gives(() => null), // NONE
  136: gives(() => true), // NEWTRUE
  137: gives(() => false), // NEWFALSE
  75: gives((reader) => reader.byte()), // BININT1
  77: gives((reader) => reader.uint16()), // BININT2
  74: gives((reader) => reader.int32()), // BININT
  138: gives((reader) => reader.integer(reader.byte())), // LONG1
  139: gives((reader) => reader.integer(reader.uint32())), // LONG4
  71: gives((reader) => reader.float64()), // BINFLOAT
  88: text(fourBytes), // BINUNICODE
  140: text(oneByte), // SHORT_BINUNICODE
  141: text(eightBytes), // BINUNICODE8
  85: text(oneByte), // SHORT_BINSTRING
  84: text(fourBytes), // BINSTRING
  67: bytes(oneByte), // SHORT_BINBYTES
  66: bytes(fourBytes), // BINBYTES
  142: bytes(eightBytes), // BINBYTES8
  41: gives(() => []), // EMPTY_TUPLE
  133: tuple(1), // TUPLE1
  134: tuple(2), // TUPLE2
  135: tuple(3), // TUPLE3
  116: (m) => m.push(m.popMark()), // TUPLE
  93: gives(() => []), // EMPTY_LIST
  108: (m) => m.push(m.popMark()), // LIST
  97: (m) => appendAll(m, m.popMany(1)), // APPEND
  101: (m) => appendAll(m, m.popMark()), // APPENDS
  125: gives(() => new Map()), // EMPTY_DICT
  115: (m) => addPairs(m, m.popMany(2)), // SETITEM
  117: (m) => addPairs(m, m.popMark()), // SETITEMS
  113: (m) => m.store(m.reader.byte()), // BINPUT
  114: (m) => m.store(m.reader.uint32()), // LONG_BINPUT
  148: (m) => m.store(m.memo.size), // MEMOIZE
  104: (m) => m.recall(m.reader.byte()), // BINGET
  106: (m) => m.recall(m.reader.uint32()), // LONG_BINGET
  99: (m) => m.name(m.reader.line(), m.reader.line()), // GLOBAL
  147: (m) => m.name(...(m.popMany(2) as [string, string])), // STACK_GLOBAL
  82: (m) => m.call(), // REDUCE
  129: (m) => m.call(), // NEWOBJ
  98: (m) => void m.pop(), // BUILD: attributes of what is plain data say nothing
  81: (m) => m.push(m.owner.persistent(m.pop())), // BINPERSID
};
