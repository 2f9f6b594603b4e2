// Runs a module with every byte and value marked public or secret, and stops where a secret would
// show in the time: as an address, a condition of a branch or a select, or an operand of a
// division. Because no secret reaches a branch, one run takes the path that every run takes; a
// secret needs no value.
//
// What an instruction makes of a secret is secret, whatever the instruction. Vectors that are
// public have no value here either: it would be needed only if one reached an address, which stops
// the run too.

import { decodeModule, OP } from "./wasm-decoder.ts";
import type { Instruction, WasmFunction, WasmModule } from "./wasm-decoder.ts";
import {
  BINARY,
  DIVISIONS,
  LOADS,
  STORES,
  UNARY,
  VECTOR_LOADS,
  VECTOR_OPERANDS,
  VECTOR_STORES,
} from "./taint-operations.ts";
import type { Scalar } from "./taint-operations.ts";

const PAGE_BYTES = 65_536;
const SECRET = Symbol("secret");
const UNKNOWN = Symbol("public, value not followed");
type Value = Scalar | typeof SECRET | typeof UNKNOWN;

const PUBLIC_MARK = 0;
const SECRET_MARK = 1;
const UNKNOWN_MARK = 2;

export type LeakKind = "address" | "branch" | "select" | "division";

/** A secret reached a place where it shows. */
export class Leak extends Error {
  readonly kind: LeakKind;

  constructor(kind: LeakKind, opcode: number) {
    super(`a secret is used as ${kind}, opcode 0x${opcode.toString(16)}`);
    this.kind = kind;
  }
}

interface Label {
  readonly target: number;
  readonly isLoop: boolean;
  readonly height: number;
  readonly results: number;
}

/** One call in progress. */
interface Frame {
  readonly locals: Value[];
  readonly stack: Value[];
  readonly labels: Label[];
  readonly code: WasmFunction;
  position: number;
}

function mergeValues(values: readonly Value[]): typeof SECRET | typeof UNKNOWN | undefined {
  if (values.includes(SECRET)) return SECRET;
  return values.includes(UNKNOWN) ? UNKNOWN : undefined;
}

export class TaintMachine {
  readonly bytes: Uint8Array;
  readonly marks: Uint8Array;
  instructionCount = 0;
  private readonly module: WasmModule;
  private readonly view: DataView;
  private readonly globals: Value[];
  private declared: number | undefined;

  constructor(moduleBytes: Uint8Array) {
    this.module = decodeModule(moduleBytes);
    this.bytes = new Uint8Array(this.module.memoryPages * PAGE_BYTES);
    this.marks = new Uint8Array(this.bytes.length);
    this.view = new DataView(this.bytes.buffer);
    this.globals = [...this.module.globals];
    for (const { offset, bytes } of this.module.data) this.bytes.set(bytes, offset);
  }

  /** Names of the exported functions. */
  get functionNames(): string[] {
    return [...this.module.exports].flatMap(([name, { kind }]) => (kind === 0 ? [name] : []));
  }

  /** Where an exported part of the arena begins. */
  placeOf(name: string): number {
    const exported = this.module.exports.get(name);
    const value = exported?.kind === 3 ? this.module.globals[exported.index] : undefined;
    if (value === undefined) throw new Error(`no exported global ${name}`);
    return Number(value);
  }

  markSecret(start: number, count: number): void {
    this.marks.fill(SECRET_MARK, start, start + count);
  }

  writePublic(start: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, start);
    this.marks.fill(PUBLIC_MARK, start, start + bytes.length);
  }

  /**
   * Makes a byte of the memory one through which bits that come of a secret are declared public:
   * what is secret when it is stored there is read as 1.
   */
  markDeclared(place: number): void {
    this.declared = place;
  }

  isSecret(start: number): boolean {
    return this.marks[start] === SECRET_MARK;
  }

  /** Calls an exported function; throws Leak. */
  call(name: string, ...arguments_: number[]): void {
    const exported = this.module.exports.get(name);
    if (exported?.kind !== 0) throw new Error(`no exported function ${name}`);
    this.run(exported.index, arguments_);
  }

  private run(index: number, parameters: readonly Value[]): Value | undefined {
    const code = this.module.functions[index];
    if (code === undefined) throw new Error(`no function ${index}`);
    const rest = code.wideLocals.map((isWide): Value => (isWide ? 0n : 0));
    const frame: Frame = {
      locals: [...parameters, ...rest],
      stack: [],
      labels: [],
      code,
      position: 0,
    };
    while (frame.position < code.body.length) {
      const instruction = code.body[frame.position];
      if (instruction === undefined) break;
      this.instructionCount += 1;
      frame.position += 1;
      if (!this.control(frame, instruction)) this.compute(frame, instruction);
    }
    return code.results === 0 ? undefined : this.pop(frame);
  }

  private pop(frame: Frame): Value {
    const value = frame.stack.pop();
    if (value === undefined) throw new Error("the stack is empty");
    return value;
  }

  /** Pops a number that decides something; a secret there is a leak. */
  private decide(frame: Frame, kind: LeakKind, opcode: number): number {
    const value = this.pop(frame);
    if (value === SECRET) throw new Leak(kind, opcode);
    if (value === UNKNOWN) throw new Error(`a value not followed is used as ${kind}`);
    return Number(value);
  }

  private branch(frame: Frame, depth: number): void {
    const index = frame.labels.length - 1 - depth;
    const label = frame.labels[index];
    if (label === undefined) {
      frame.position = frame.code.body.length;
      return;
    }
    const results = label.isLoop || label.results === 0 ? [] : frame.stack.slice(-label.results);
    frame.stack.length = label.height;
    frame.stack.push(...results);
    frame.labels.length = label.isLoop ? index + 1 : index;
    frame.position = label.isLoop ? label.target : label.target + 1;
  }

  private enter(frame: Frame, { opcode, end, otherwise, results }: Instruction): void {
    const isLoop = opcode === OP.loop;
    const isTaken = opcode !== OP.if || this.decide(frame, "branch", opcode) !== 0;
    const target = isLoop ? frame.position : end;
    if (!isTaken) frame.position = otherwise === -1 ? end + 1 : otherwise + 1;
    if (isTaken || otherwise !== -1) {
      frame.labels.push({ target, isLoop, height: frame.stack.length, results });
    }
  }

  /** Control instructions; false for any other. */
  private control(frame: Frame, instruction: Instruction): boolean {
    const { opcode, value, labels, end } = instruction;
    switch (opcode) {
      case OP.block:
      case OP.loop:
      case OP.if:
        this.enter(frame, instruction);
        return true;
      case OP.else:
        frame.position = end; // the then part is over
        return true;
      case OP.end:
        frame.labels.pop();
        return true;
      case OP.br:
        this.branch(frame, Number(value));
        return true;
      case OP.brIf:
        if (this.decide(frame, "branch", opcode) !== 0) this.branch(frame, Number(value));
        return true;
      case OP.brTable: {
        const choice = this.decide(frame, "branch", opcode);
        this.branch(frame, labels[choice >>> 0] ?? labels.at(-1) ?? 0);
        return true;
      }
      case OP.return:
        frame.position = frame.code.body.length;
        return true;
      case OP.call:
        this.callInner(frame, Number(value));
        return true;
      default:
        return false;
    }
  }

  private callInner(frame: Frame, index: number): void {
    const count = this.module.functions[index]?.parameters ?? 0;
    const parameters = count === 0 ? [] : frame.stack.splice(-count);
    const result = this.run(index, parameters);
    if (result !== undefined) frame.stack.push(result);
  }

  private compute(frame: Frame, { opcode, value }: Instruction): void {
    const { stack, locals } = frame;
    const index = Number(value);
    switch (opcode) {
      case OP.drop:
        this.pop(frame);
        return;
      case OP.select: {
        const condition = this.decide(frame, "select", opcode);
        const other = this.pop(frame);
        if (condition === 0) stack[stack.length - 1] = other;
        return;
      }
      case OP.localGet:
        stack.push(locals[index] ?? UNKNOWN);
        return;
      case OP.localSet:
        locals[index] = this.pop(frame);
        return;
      case OP.localTee:
        locals[index] = stack.at(-1) ?? UNKNOWN;
        return;
      case OP.globalGet:
        stack.push(this.globals[index] ?? UNKNOWN);
        return;
      case OP.globalSet:
        this.globals[index] = this.pop(frame);
        return;
      case OP.i32Const:
      case OP.i64Const:
        stack.push(value);
        return;
      case OP.v128Const:
        stack.push(UNKNOWN);
        return;
      case OP.memoryCopy:
      case OP.memoryFill:
        this.moveBytes(frame, opcode);
        return;
      default:
        if (!this.access(frame, opcode, index)) this.operate(frame, opcode);
    }
  }

  private moveBytes(frame: Frame, opcode: number): void {
    const count = this.decide(frame, "address", opcode) >>> 0;
    const source = opcode === OP.memoryCopy ? this.decide(frame, "address", opcode) : 0;
    const filler = opcode === OP.memoryFill ? this.pop(frame) : 0;
    const target = this.decide(frame, "address", opcode) >>> 0;
    if (opcode === OP.memoryCopy) {
      this.bytes.copyWithin(target, source, source + count);
      this.marks.copyWithin(target, source, source + count);
      return;
    }
    this.bytes.fill(typeof filler === "number" ? filler : 0, target, target + count);
    this.marks.fill(filler === SECRET ? SECRET_MARK : PUBLIC_MARK, target, target + count);
  }

  /** Loads and stores; false for any other instruction. */
  private access(frame: Frame, opcode: number, offset: number): boolean {
    const stored = STORES.get(opcode) ?? VECTOR_STORES.get(opcode);
    if (stored !== undefined) {
      const value = this.pop(frame);
      const address = (this.decide(frame, "address", opcode) >>> 0) + offset;
      this.store(address, stored, value);
      return true;
    }
    const load = LOADS.get(opcode);
    const count = load?.bytes ?? VECTOR_LOADS.get(opcode);
    if (count === undefined) return false;
    const address = (this.decide(frame, "address", opcode) >>> 0) + offset;
    const marks = this.marks.subarray(address, address + count);
    if (marks.length !== count) throw new RangeError("outside the memory");
    if (marks.includes(SECRET_MARK)) frame.stack.push(SECRET);
    else if (load === undefined || marks.includes(UNKNOWN_MARK)) frame.stack.push(UNKNOWN);
    else frame.stack.push(this.read(address, load));
    return true;
  }

  private read(address: number, load: { bytes: number; wide: boolean; signed: boolean }): Scalar {
    let value = 0n;
    for (let index = load.bytes - 1; index >= 0; index -= 1) {
      value = (value << 8n) | BigInt(this.view.getUint8(address + index));
    }
    if (load.signed) value = BigInt.asIntN(8 * load.bytes, value);
    return load.wide ? BigInt.asIntN(64, value) : Number(BigInt.asIntN(32, value));
  }

  private store(address: number, count: number, given: Value): void {
    const value = given === SECRET && address === this.declared ? 1 : given;
    const mark = value === SECRET ? SECRET_MARK : value === UNKNOWN ? UNKNOWN_MARK : PUBLIC_MARK;
    this.marks.fill(mark, address, address + count);
    if (typeof value === "symbol") return;
    let rest = BigInt(value);
    for (let index = 0; index < count; index += 1) {
      this.view.setUint8(address + index, Number(rest & 0xffn));
      rest >>= 8n;
    }
  }

  /** Instructions that compute a value from values. */
  private operate(frame: Frame, opcode: number): void {
    const { stack } = frame;
    const binary = BINARY.get(opcode);
    if (binary !== undefined) {
      const b = this.pop(frame);
      const a = this.pop(frame);
      if (DIVISIONS.has(opcode) && (a === SECRET || b === SECRET))
        throw new Leak("division", opcode);
      if (typeof a === "symbol" || typeof b === "symbol")
        stack.push(mergeValues([a, b]) ?? UNKNOWN);
      else stack.push(binary(a, b));
      return;
    }
    const unary = UNARY.get(opcode);
    if (unary !== undefined) {
      const a = this.pop(frame);
      stack.push(typeof a === "symbol" ? a : unary(a));
      return;
    }
    const operands = VECTOR_OPERANDS.get(opcode);
    if (operands === undefined) throw new Error(`opcode 0x${opcode.toString(16)} is not known`);
    stack.push(mergeValues(stack.splice(-operands)) ?? UNKNOWN);
  }
}
