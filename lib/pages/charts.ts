/**
 * Charts as inline SVG. They keep to presentation attributes, since some places block all styles, and their colours can be told from a white
 * and from a dark background. The numbers stand beside each chart as text.
 *
 * @module
 */
import { type Html, markup } from "./blocks.ts";

const COLOURS: readonly string[] = ["#3b7dd8", "#b7791f", "#2c9a5b", "#8b5cf6", "#7b8591", "#d64545"];

/** A colour of charts: 0 to 3, 4 for grey, 5 for red. Greater numbers begin again. */
export type Colour = number;

function colourOf(colour: Colour): string {
  return COLOURS[colour % COLOURS.length] as string;
}

const WIDTH = 1_000;

/** A small square of a colour. */
export function swatch(colour: Colour): Html {
  return markup`<svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" rx="2" fill="${
    colourOf(colour)
  }" /></svg>`;
}

/**
 * A row of small squares, one for each thing in an order. What they mean is in its name, and beside it.
 *
 * @param label All of it in words.
 */
export function strip(label: string, colours: readonly Colour[]): Html {
  const paths = new Map<Colour, string>();
  colours.forEach((colour, index) => paths.set(colour, `${paths.get(colour) ?? ""}M${index * 9} 0h7v14h-7z`));
  const squares = [...paths].map(([colour, path]) => markup`<path d="${path}" fill="${colourOf(colour)}" />`);
  const width = Math.max(1, colours.length) * 9 - 2;
  return markup`<svg role="img" aria-label="${label}" width="${width}" height="14" viewBox="0 0 ${width} 14">${squares}</svg>`;
}

/** A part of a bar. */
export interface Share {
  /** What it is. */
  readonly name: string;
  /** Its size; negative numbers count as 0. */
  readonly value: number;
  /** The size as text. */
  readonly text: string;
  /** Its colour. */
  readonly colour: Colour;
}

/** A bar of parts, each as wide as its share; null when all are 0. */
export function bar(name: string, shares: readonly Share[]): Html | null {
  const total = shares.reduce((sum, { value }) => sum + Math.max(0, value), 0);
  if (!(total > 0)) return null;
  let at = 0;
  const parts = shares.filter(({ value }) => value > 0).map(({ name, value, text, colour }) => {
    // A part of a long whole is still to be seen.
    const width = Math.max(2, value / total * WIDTH);
    const x = Math.min(at, WIDTH - width);
    at += value / total * WIDTH;
    return markup`<rect x="${x.toFixed(1)}" width="${Math.max(1, width - 1.5).toFixed(1)}" height="28" fill="${
      colourOf(colour)
    }"><title>${name}: ${text}</title></rect>`;
  });
  const label = shares.map(({ name, text }) => `${name} ${text}`).join(", ");
  return markup`<svg class="wide" role="img" aria-label="${name}: ${label}" width="100%" height="28" viewBox="0 0 ${WIDTH} 28" preserveAspectRatio="none">${parts}</svg>`;
}

/** A line that goes up in steps. */
export interface Line {
  /** What it counts. */
  readonly name: string;
  /** Its colour. */
  readonly colour: Colour;
  /** Whether it is drawn in dashes. @default {false} */
  readonly dashed?: boolean;
  /** Its points by x, ascending. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

const HEIGHT = 220;

/**
 * Lines in steps over the same time.
 *
 * @param label All of it in words.
 * @param to Both axes begin at 0 and end here.
 */
export function steps(label: string, lines: readonly Line[], to: { readonly x: number; readonly y: number }): Html {
  const x = (value: number) => Math.round(Math.min(1, value / to.x) * WIDTH);
  const y = (value: number) => (HEIGHT - 2 - Math.min(1, value / to.y) * (HEIGHT - 4)).toFixed(1);
  const paths = lines.map(({ colour, points, dashed = false }) => {
    // Where several points have the same place, the last one counts.
    const path = [...new Map(points.map(([px, py]) => [x(px), y(py)]))].map(([px, py]) => `H${px}V${py}`).join("");
    return markup`<path d="M0 ${y(0)}${path}${dashed ? "" : `H${WIDTH}`}" fill="none" stroke="${
      colourOf(
        colour,
      )
    }" stroke-width="2.5" vector-effect="non-scaling-stroke"${dashed && markup` stroke-dasharray="6 5"`}/>`;
  });
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    markup`<path d="M0 ${
      y(
        part * to.y,
      )
    }H${WIDTH}" stroke="#7b8591" stroke-opacity="0.35" vector-effect="non-scaling-stroke" />`
  );
  return markup`<svg class="wide" role="img" aria-label="${label}" width="100%" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${grid}${paths}</svg>`;
}
