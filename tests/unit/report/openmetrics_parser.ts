/**
 * Strict parser of OpenMetrics text, as far as the report uses the format: gauges without timestamps.
 * Source: OpenMetrics 1.0, "ABNF" and "Overall Structure".
 *
 * @module
 */

export interface MetricFamily {
  name: string;
  help: string;
  unit: string;
  /** Labels of each sample, and its value. */
  samples: [labels: Record<string, string>, value: number][];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name = "", value = "", after] = LABEL.exec(text) ?? [];
    if (name === "" || name in labels || (after === "" && LABEL.lastIndex < text.length)) {
      throw new SyntaxError(`Not labels: ${text}`);
    }
    labels[name] = value.replace(/\\(.)/g, (_, char: string) => char === "n" ? "\n" : char);
  }
  return labels;
}

/** Reads a whole file. @throws on everything that the format forbids. */
export function parseOpenmetrics(text: string): MetricFamily[] {
  if (text.includes("\0") || text.includes("\r")) throw new SyntaxError("Unexpected character");
  if (!text.endsWith("\n# EOF\n")) throw new SyntaxError("The end is missing");
  const families = new Map<string, MetricFamily>();
  const seen = new Set<string>();
  let family: MetricFamily | undefined;
  for (const line of text.slice(0, -"\n# EOF\n".length).split("\n")) {
    const meta = new RegExp(`^# (HELP|TYPE|UNIT) (${NAME}) (.+)$`).exec(line);
    if (meta !== null) {
      const [, kind, name = "", rest = ""] = meta;
      if (family?.name !== name) {
        if (families.has(name)) throw new SyntaxError(`Family is interleaved: ${name}`);
        families.set(name, family = { name, help: "", unit: "", samples: [] });
      }
      if (family.samples.length > 0) throw new SyntaxError(`Metadata after samples: ${line}`);
      if (kind === "HELP") family.help = rest;
      if (kind === "TYPE" && rest !== "gauge") throw new SyntaxError(`Not a gauge: ${line}`);
      if (kind === "UNIT" && !name.endsWith(`_${rest}`)) throw new SyntaxError(`Name without its unit: ${line}`);
      if (kind === "UNIT") family.unit = rest;
      continue;
    }
    const sample = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)$`).exec(line);
    if (sample === null || family === undefined || sample[1] !== family.name) {
      throw new SyntaxError(`Not a sample: ${line}`);
    }
    const labels = labelsOf(sample[2] ?? "");
    const series = JSON.stringify([family.name, Object.entries(labels).sort()]);
    if (seen.has(series)) throw new SyntaxError(`Series occurs twice: ${line}`);
    seen.add(series);
    family.samples.push([labels, Number(sample[3])]);
  }
  return [...families.values()];
}
