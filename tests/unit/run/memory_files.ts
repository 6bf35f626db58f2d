/** Files in memory, and signals that a test sends. */
import type { InterruptSignal } from "../../../lib/errors.ts";
import { type RunState, type StateFiles, type StateSeal, StateWriter } from "../../../lib/run/state.ts";

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
    createFile(path, text) {
      if (files.has(path)) return false;
      files.set(path, text);
      return true;
    },
    writeFile(path, text) {
      files.set(path, text);
      written.push(text);
    },
  };
}

/** The text of the state file that holds a state. */
export function stateText(state: RunState, seal: StateSeal): string {
  const files = memoryFiles();
  const writer = new StateWriter(files, "run.json", seal, () => {});
  // A writer writes changes alone.
  writer.adopt({ ...state, parting: state.parting === "ended" ? "following" : "ended" });
  writer.update({ parting: state.parting });
  return files.written.at(-1) ?? "";
}

export interface FakeProcess {
  io: {
    onSignal(handler: (signal: InterruptSignal) => void): () => void;
    exitNow(code: number): void;
    isTerminal(): boolean;
  };
  send(signal: InterruptSignal): void;
  /** Codes with which it was ended at once. */
  exits: number[];
  /** Whether anything handles signals. */
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
