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
  /** Whether its end is not known: it is drawn in stripes. @default {false} */
  readonly open?: boolean;
}

/** A bar of parts, each as wide as its share; null when all are 0. */
export function bar(name: string, shares: readonly Share[]): Html | null {
  const total = shares.reduce((sum, { value }) => sum + Math.max(0, value), 0);
  if (!(total > 0)) return null;
  let at = 0;
  const parts = shares.filter(({ value }) => value > 0).map(({ name, value, text, colour, open = false }) => {
    // A part of a long whole is still to be seen.
    const width = Math.max(2, value / total * WIDTH);
    const x = Math.min(at, WIDTH - width);
    at += value / total * WIDTH;
    if (open) {
      return markup`<path d="M${x.toFixed(1)} 14H${(x + width - 1.5).toFixed(1)}" stroke="${
        colourOf(colour)
      }" stroke-width="28" stroke-dasharray="7 3"><title>${name}: ${text}</title></path>`;
    }
    return markup`<rect x="${x.toFixed(1)}" width="${Math.max(1, width - 1.5).toFixed(1)}" height="28" fill="${
      colourOf(colour)
    }"><title>${name}: ${text}</title></rect>`;
  });
  const label = shares.map(({ name, text }) => `${name} ${text}`).join(", ");
  return markup`<svg class="wide" role="img" aria-label="${name}: ${label}" width="100%" height="28" viewBox="0 0 ${WIDTH} 28" preserveAspectRatio="none">${parts}</svg>`;
}

/** How much of something is used, as a bar on grey. @param label All of it in words. */
export function gauge(label: string, used: number, limit: number, colour: Colour): Html {
  const width = limit > 0 ? Math.round(Math.min(1, used / limit) * WIDTH) : 0;
  return markup`<svg class="wide" role="img" aria-label="${label}" width="100%" height="10" viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none"><rect width="${WIDTH}" height="10" fill="#7b8591" fill-opacity="0.3" /><rect width="${width}" height="10" fill="${
    colourOf(colour)
  }" /></svg>`;
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

/** The style has the same height for the numbers of the axis. */
const HEIGHT = 220;
/** Most parts of an axis. */
const MAX_PARTS = 5;

/** The numbers of an axis, from 0 to the first one that is not less than the greatest value. */
function ticksOf(greatest: number): number[] {
  const least = greatest / MAX_PARTS;
  const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, least))));
  const part = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least) ?? 10 * power;
  return Array.from({ length: Math.max(1, Math.ceil(greatest / part)) + 1 }, (_, index) => index * part);
}

/**
 * Lines in steps over the same time, with the numbers of the axis.
 *
 * @param label All of it in words.
 * @param to The greatest values of both axes, which begin at 0.
 * @param ends What stands below the beginning and below the end of the time.
 */
export function steps(
  label: string,
  lines: readonly Line[],
  to: { readonly x: number; readonly y: number },
  ends: readonly [from: string, to: string],
): Html {
  const ticks = ticksOf(to.y);
  const top = ticks.at(-1) ?? 1;
  const x = (value: number) => Math.round(Math.min(1, value / to.x) * WIDTH);
  const y = (value: number) => (HEIGHT - 2 - Math.min(1, value / top) * (HEIGHT - 4)).toFixed(1);
  const paths = lines.map(({ colour, points, dashed = false }) => {
    // Where several points have the same place, the last one counts.
    const path = [...new Map(points.map(([px, py]) => [x(px), y(py)]))].map(([px, py]) => `H${px}V${py}`).join("");
    return markup`<path d="M0 ${y(0)}${path}${dashed ? "" : `H${WIDTH}`}" fill="none" stroke="${
      colourOf(colour)
    }" stroke-width="2.5" vector-effect="non-scaling-stroke"${dashed && markup` stroke-dasharray="6 5"`}/>`;
  });
  const grid = ticks.map((tick) =>
    markup`<path d="M0 ${
      y(tick)
    }H${WIDTH}" stroke="#7b8591" stroke-opacity="0.35" vector-effect="non-scaling-stroke" />`
  );
  const [from, until] = ends;
  return markup`<div class="chart"><ol aria-hidden="true">${
    ticks.map((tick) => markup`<li>${tick}</li>`)
  }</ol><svg class="wide" role="img" aria-label="${label}" width="100%" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${grid}${paths}</svg><p><span>${from}</span><span>${until}</span></p></div>`;
}
