/**
 * Families of metrics as OpenMetrics text, for GitLab's table of metrics and for programs that collect such files.
 *
 * A label must not hold the id of a run: a new value in every run would make every series a new one, in a database and in GitLab's
 * table, which compares two pipelines. All families are gauges, which look the same in Prometheus' older format.
 *
 * Source: OpenMetrics 1.0; Prometheus, "Metric and label naming".
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import { escapeLabel } from "../text/escape/openmetrics.ts";

/** Labels of a sample; those whose text is null or empty are left out. */
export type Labels = Readonly<Record<string, string | null>>;

/** Metrics of one name. */
export interface Family {
  /** Without the prefix; ends in the unit when there is one. */
  readonly name: string;
  readonly unit?: "seconds";
  readonly help: string;
  readonly samples: readonly (readonly [labels: Labels, value: number])[];
}

const MAX_LABEL = 200;

/** A text as it stands in a label: cut after 200 characters, escaped. */
export function labelText(text: string): string {
  return escapeLabel(cutText(text, MAX_LABEL));
}

/** A family with one value; without samples when it is not known. */
export function single(name: string, help: string, value: number | null): Family {
  return { name, help, samples: value === null ? [] : [[{}, value]] };
}

/** A family that answers a question by 1 or 0; without samples when the answer is not known. */
export function flag(name: string, help: string, value: boolean | null): Family {
  return single(name, help, value === null ? null : Number(value));
}

function sample(name: string, labels: Labels, value: number): string {
  const written = Object.entries(labels).filter(([, text]) => text)
    .map(([key, text]) => `${key}="${labelText(text ?? "")}"`);
  return `${name}${written.length > 0 ? `{${written.join(",")}}` : ""} ${value}`;
}

function renderFamily({ name: ending, unit, help, samples }: Family, prefix: string): string[] {
  if (samples.length === 0) return [];
  const name = `${prefix}_${ending}`;
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    ...samples.map(([labels, value]) => sample(name, labels, value)),
  ];
}

/**
 * Renders a whole file. Families without samples are left out.
 *
 * @param prefix Beginning of every name, without `_` at its end.
 */
export function renderFamilies(families: readonly Family[], prefix: string): string {
  return `${[...families.flatMap((family) => renderFamily(family, prefix)), "# EOF"].join("\n")}\n`;
}
