/** The lines that stand at the bottom of a terminal after this was written to it: they are written without a break at its edge. */
export function transientLines(written: string): string[] {
  const [, text] = [...written.matchAll(/\x1b\[\?7l(.*?)\x1b\[\?7h/gs)].at(-1) ?? [];
  return text?.split("\n") ?? [];
}
