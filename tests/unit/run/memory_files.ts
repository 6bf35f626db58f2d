/** Files in memory, and signals that a test sends. */
import type { InterruptSignal } from "../../../lib/errors.ts";
import type { StateFiles } from "../../../lib/run/state.ts";

export interface MemoryFiles extends StateFiles {
  /** Text of each file. */
  files: Map<string, string>;
  /** Everything written, in order. */
  written: string[];
}

export function memoryFiles(given: Record<string, string> = {}): MemoryFiles {
  const files = new Map(Object.entries(given));
  const written: string[] = [];
  return {
    files,
    written,
    readFile: (path) => files.get(path),
    removeFile: (path) => files.delete(path),
    realPath: (path) => `/builds/web/${path}`,
    writeFile(path, text) {
      files.set(path, text);
      written.push(text);
    },
  };
}

export interface FakeProcess {
  io: {
    onSignal(handler: (signal: InterruptSignal) => void): () => void;
    exitNow(code: number): void;
    isTerminal(): boolean;
  };
  /** Sends a signal. */
  send(signal: InterruptSignal): void;
  /** Codes with which it was ended at once. */
  exits: number[];
  /** Whether somebody handles signals. */
  handled(): boolean;
}

export function fakeProcess(terminal = false): FakeProcess {
  const handlers = new Set<(signal: InterruptSignal) => void>();
  const exits: number[] = [];
  return {
    io: {
      onSignal(handler) {
        handlers.add(handler);
        return () => handlers.delete(handler);
      },
      exitNow: (code) => exits.push(code),
      isTerminal: () => terminal,
    },
    send: (signal) => handlers.forEach((handler) => handler(signal)),
    exits,
    handled: () => handlers.size > 0,
  };
}
