/** A TCP connection as the GSUP client needs it; each runtime has its own (edge/tcp-*.ts). */

export interface ByteStream {
  /** All of it, or the stream is closed. */
  write(bytes: Uint8Array): void;
  /** No `onBytes` comes after it. More than once is once. */
  close(): void;
}

export interface ByteStreamEvents {
  /** The bytes are the receiver's, to keep or to wipe. */
  readonly onBytes: (bytes: Uint8Array) => void;
  /** The other side closed it, or it broke; once, and not after `close`. */
  readonly onEnd: () => void;
}

/** Rejects when there is nobody; may take as long as TCP does. */
export type OpenStream = (events: ByteStreamEvents) => Promise<ByteStream>;
