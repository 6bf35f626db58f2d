/**
 * Where the settings of a job came from.
 *
 * @module
 */
import { code, fold, type Html, markup, table } from "../blocks.ts";

/** A setting that a job has read. */
export interface Setting {
  /** Its name: that of the flag, without dashes. */
  readonly name: string;
  /** Its value as it was written; the documented default where nothing was. */
  readonly value: string;
  /** `flag`, the name of the variable, or `default`. */
  readonly from: string;
}

function rows(settings: readonly Setting[]): Html {
  return table(
    "Settings of the job",
    [{ name: "Setting" }, { name: "Value" }, { name: "From" }],
    settings.map(({ name, value, from }) => ({
      cells: [code(name), code(value), from === "flag" ? code(`--${name}`) : from],
    })),
  );
}

/** The settings that somebody has set, and the defaults folded; null when none is known. */
export function settingsTable(settings: readonly Setting[]): Html | null {
  const set = settings.filter(({ from }) => from !== "default");
  const defaults = settings.filter(({ from, value }) => from === "default" && /\w/.test(value));
  if (set.length + defaults.length === 0) return null;
  return markup`${set.length > 0 && rows(set)}${defaults.length > 0 && fold("defaults", rows(defaults))}`;
}
