import type { Span } from "./ansi.ts";

export const CELL = { width: 7.83, height: 19 };

const COLORS = new Map([
  ["dim", "#8b949e"],
  ["red", "#ff7b72"],
  ["green", "#3fb950"],
  ["yellow", "#d29922"],
  ["blue", "#58a6ff"],
  ["magenta", "#bc8cff"],
  ["cyan", "#39c5cf"],
]);

export function xml(text: string): string {
  return text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
}

function span({ text, style }: Span): string {
  const color = style.map((name) => COLORS.get(name)).find((each) => each !== undefined);
  const fill = color === undefined ? "" : ` fill="${color}"`;
  const weight = style.includes("bold") ? ' font-weight="bold"' : "";
  return `<tspan${fill}${weight}>${xml(text)}</tspan>`;
}

export function line(spans: readonly Span[], x: number, y: number): string {
  return `<text x="${x}" y="${y}" xml:space="preserve">${spans.map(span).join("")}</text>`;
}

export function picture(title: string, width: number, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${xml(title)}</title>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="#e6edf3">`,
    ...parts,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}
