/**
 * Where the settings of a job came from.
 *
 * @module
 */
import { code, table } from "../blocks.ts";
import type { Html } from "../markup.ts";

/** A setting that a job has read. */
export interface Setting {
  /** Its name: that of the flag, without dashes. */
  readonly name: string;
  /** Its value as it was written; the documented default where nothing was. */
  readonly value: string;
  /** `flag`, the name of the variable, or `default`. */
  readonly from: string;
}

/** The settings as a table, those that somebody has set first; null when none is known. */
export function settingsTable(settings: readonly Setting[]): Html | null {
  if (settings.length === 0) return null;
  const isDefault = ({ from }: Setting) => Number(from === "default");
  return table(
    "Settings of the job",
    [{ name: "Setting" }, { name: "Value" }, { name: "From" }],
    [...settings].sort((a, b) => isDefault(a) - isDefault(b)).map(({ name, value, from }) => ({
      cells: [code(name), code(value), from === "flag" ? code(`--${name}`) : from],
    })),
  );
}
