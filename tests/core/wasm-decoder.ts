// Reads a WebAssembly module as far as the core uses the format (WebAssembly 3.0, chapter 5):
// functions as flat lists of instructions, with the ends of their blocks found.

export interface Instruction {
  /** Opcode; those with a prefix byte have it in the bits above 8: 0xfc0a, 0xfd0c. */
  readonly opcode: number;
  /** Immediate: index, constant, memory offset, depth. */
  readonly value: number | bigint;
  /** Labels of br_table. */
  readonly labels: readonly number[];
  /** For block, loop and if: where it ends, where its else is, how many results it leaves. */
  end: number;
  otherwise: number;
  readonly results: number;
}

export interface WasmFunction {
  readonly parameters: number;
  readonly results: number;
  /** Types of the locals after the parameters: true for i64. */
  readonly wideLocals: readonly boolean[];
  readonly body: readonly Instruction[];
}

export interface WasmModule {
  readonly functions: readonly WasmFunction[];
  readonly globals: ReadonlyArray<number | bigint>;
  readonly exports: ReadonlyMap<string, { kind: number; index: number }>;
  readonly data: ReadonlyArray<{ offset: number; bytes: Uint8Array }>;
  readonly memoryPages: number;
}

export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  memoryCopy: 0xfc0a,
  memoryFill: 0xfc0b,
  v128Const: 0xfd0c,
  shuffle: 0xfd0d,
} as const;

const TYPE_I64 = 0x7e;
const TYPE_EMPTY = 0x40;
const SECTION = { type: 1, function: 3, memory: 5, global: 6, export: 7, code: 10, data: 11 };
const V128_BYTES = 16;

class Reader {
  readonly bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  byte(): number {
    const value = this.bytes[this.position];
    if (value === undefined) throw new RangeError("the module ends early");
    this.position += 1;
    return value;
  }

  take(count: number): Uint8Array {
    this.position += count;
    return this.bytes.subarray(this.position - count, this.position);
  }

  /** LEB128 of a number without sign, up to 32 bits. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** LEB128 of a number with sign. */
  signed(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(Number(shift) + 7, value);
    }
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.unsigned() }, read);
  }
}

/** Immediates after the prefix 0xfd: memory operands, lanes, or sixteen bytes. */
function readVectorImmediate(reader: Reader, code: number): number {
  if (code <= 11 || (code >= 84 && code <= 93)) {
    const offset = readOffset(reader);
    if (code >= 84 && code <= 91) reader.byte(); // the lane
    return offset;
  }
  if (code === 12 || code === 13) reader.take(V128_BYTES);
  else if (code >= 21 && code <= 34) reader.byte();
  return 0;
}

function readOffset(reader: Reader): number {
  reader.unsigned(); // alignment
  return reader.unsigned();
}

type Head = Pick<Instruction, "opcode" | "value" | "labels" | "results">;

function readInstruction(reader: Reader): Head {
  const opcode = reader.byte();
  const plain = (value: number | bigint = 0): Head => ({ opcode, value, labels: [], results: 0 });
  if (opcode === 0xfd || opcode === 0xfc) {
    const code = reader.unsigned();
    let value = 0;
    if (opcode === 0xfd) value = readVectorImmediate(reader, code);
    else reader.take(code === 10 ? 2 : 1); // memory indices
    // Codes of the relaxed instructions exceed a byte.
    return { ...plain(value), opcode: opcode * 2 ** (code > 0xff ? 16 : 8) + code };
  }
  if (opcode === OP.block || opcode === OP.loop || opcode === OP.if) {
    return { ...plain(), results: reader.byte() === TYPE_EMPTY ? 0 : 1 };
  }
  if (opcode === OP.brTable)
    return { ...plain(), labels: [...reader.list(() => reader.unsigned()), reader.unsigned()] };
  if (opcode >= 0x28 && opcode <= 0x3e) return plain(readOffset(reader));
  if (opcode === OP.i32Const) return plain(Number(reader.signed()));
  if (opcode === OP.i64Const) return plain(reader.signed());
  if (opcode === OP.br || opcode === OP.brIf || opcode === OP.call) return plain(reader.unsigned());
  if (opcode >= 0x20 && opcode <= 0x24) return plain(reader.unsigned());
  if (opcode === OP.memorySize || opcode === OP.memoryGrow) return plain(reader.byte());
  return plain();
}

/** Instructions up to the end of the function, each block told where it ends. */
function readBody(reader: Reader, end: number): Instruction[] {
  const body: Instruction[] = [];
  const open: Instruction[] = [];
  while (reader.position < end) {
    const instruction = { ...readInstruction(reader), end: -1, otherwise: -1 };
    const { opcode } = instruction;
    const innermost = open.at(-1);
    if (opcode === OP.else && innermost) innermost.otherwise = body.length;
    if (opcode === OP.end && innermost) {
      innermost.end = body.length;
      const otherwise = body[innermost.otherwise];
      if (otherwise) otherwise.end = body.length;
      open.pop();
    }
    if (opcode === OP.block || opcode === OP.loop || opcode === OP.if) open.push(instruction);
    body.push(instruction);
  }
  return body;
}

/** The value of a constant expression: one constant, then end. */
function readConstant(reader: Reader): number | bigint {
  const { value } = readInstruction(reader);
  if (readInstruction(reader).opcode !== OP.end) throw new Error("not a plain constant");
  return value;
}

function sectionsOf(bytes: Uint8Array): Map<number, Reader> {
  const reader = new Reader(bytes, 8); // magic and version
  const sections = new Map<number, Reader>();
  while (reader.position < bytes.length) {
    const id = reader.byte();
    sections.set(id, new Reader(reader.take(reader.unsigned())));
  }
  return sections;
}

interface Signature {
  parameters: number;
  results: number;
}

function readSignature(reader: Reader): Signature {
  reader.byte(); // 0x60
  const parameters = reader.list(() => reader.byte()).length;
  return { parameters, results: reader.list(() => reader.byte()).length };
}

function readCode(reader: Reader): Pick<WasmFunction, "wideLocals" | "body"> {
  const end = reader.unsigned() + reader.position;
  const wideLocals = reader
    .list(() => [reader.unsigned(), reader.byte()] as const)
    .flatMap(([count, type]) => Array.from({ length: count }, () => type === TYPE_I64));
  return { wideLocals, body: readBody(reader, end) };
}

export function decodeModule(bytes: Uint8Array): WasmModule {
  const sections = sectionsOf(bytes);
  const section = <T>(id: number, read: (reader: Reader) => T): T[] => {
    const reader = sections.get(id);
    return reader === undefined ? [] : reader.list(() => read(reader));
  };
  const types = section(SECTION.type, readSignature);
  const signatures = section(SECTION.function, (reader) => types[reader.unsigned()]);
  const code = section(SECTION.code, readCode);
  const functions = code.map((part, index) => {
    const { parameters = 0, results = 0 } = signatures[index] ?? {};
    return Object.assign(part, { parameters, results });
  });
  const memories = section(SECTION.memory, (reader) => {
    const hasMaximum = reader.byte() === 1;
    const pages = reader.unsigned();
    if (hasMaximum) reader.unsigned();
    return pages;
  });
  const globals = section(SECTION.global, (reader) => {
    reader.take(2); // type, mutability
    return readConstant(reader);
  });
  const exported = section(SECTION.export, (reader) => {
    const name = new TextDecoder().decode(reader.take(reader.unsigned()));
    return [name, { kind: reader.byte(), index: reader.unsigned() }] as const;
  });
  const data = section(SECTION.data, (reader) => {
    if (reader.unsigned() !== 0) throw new Error("a passive data segment");
    const offset = Number(readConstant(reader));
    return { offset, bytes: reader.take(reader.unsigned()) };
  });
  const [memoryPages = 0] = memories;
  return { functions, globals, exports: new Map(exported), data, memoryPages };
}
