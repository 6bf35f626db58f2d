/** The lines that stand at the bottom of a terminal after this was written to it: they are written without a break at its edge. */
export function transientLines(written: string): string[] {
  const [, ...rest] = written.split("\x1b[?7l");
  return rest.at(-1)?.split("\x1b[?7h")[0]?.split("\n") ?? [];
}
