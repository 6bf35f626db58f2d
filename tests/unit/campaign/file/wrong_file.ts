import { fileWith } from "./files.ts";

/** A file with mistakes. */
export interface WrongFile {
  name: string;
  text: string;
  files?: Record<string, string>;
  /** Each mistake: `LINE:COLUMN key`, and a part of the message that says what to do. All of them, in order. */
  mistakes: readonly (readonly [string, string])[];
}

/** A file that has one wrong line, the fifth. */
export function extra(name: string, line: string, ...mistakes: [string, string][]): WrongFile {
  return { name, text: fileWith({ extra: line }), mistakes };
}

/** A file with other entries, on the fourth line. */
export function entries(name: string, list: string, ...mistakes: [string, string][]): WrongFile {
  return { name, text: fileWith({ repositories: `repositories: ${list}` }), mistakes };
}
