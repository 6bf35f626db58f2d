/**
 * Widths are percentages and heights are pixels, so that text keeps its size on a phone. Colors are attributes, for servers that block styles, and
 * classes, for dark mode.
 *
 * @module
 */
import { type Fill, fill, type Html, markup, type Part } from "./page.ts";

const percent = (share: number) => `${Number((share * 100).toFixed(2))}%`;

const TEXT = markup`fill="#56606c"`;
const NAME = markup`class="name" fill="#14181d"`;

function swatch(color: Fill): Html {
  return markup`<svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="2"${
    fill(color)
  }/></svg>`;
}

export function legend(entries: readonly (readonly [color: Fill, name: Part])[]): Html {
  return markup`<ul class="legend">${entries.map(([color, name]) => markup`<li>${swatch(color)}${name}</li>`)}</ul>`;
}

export function figure(heading: Part, aside: Part, drawing: Part, ...more: readonly Part[]): Html {
  return markup`<figure class="panel pad"><figcaption><h3>${heading}</h3>${aside}</figcaption>${drawing}${more}</figure>`;
}

const LEAST = 0.006;

/** @param label `null` if the text beside the bar contains the values. */
export function bar(
  label: string | null,
  parts: readonly (readonly [color: Fill, value: number])[],
  whole: number,
  height = 8,
): Html {
  let at = 0;
  const shapes = parts.filter(([, value]) => value > 0 && whole > 0).map(([color, value]) => {
    const width = Math.max(LEAST, Math.min(1, value / whole));
    const x = Math.min(at, 1 - width);
    at += value / whole;
    return markup`<rect x="${percent(x)}" width="${percent(width)}" height="${height}"${fill(color)}/>`;
  });
  const name = label === null ? markup`aria-hidden="true"` : markup`role="img" aria-label="${label}"`;
  return markup`<svg class="meter" width="100%" height="${height}" ${name}><rect width="100%" height="${height}"${
    fill("track")
  }/>${shapes}</svg>`;
}

export function strip(label: string, colors: readonly Fill[]): Html {
  const width = Math.max(1, colors.length * 7 - 2);
  return markup`<svg width="${width}" height="16" viewBox="0 0 ${width} 16" role="img" aria-label="${label}">${
    colors.map((color, index) => {
      const height = color === "bad" ? 16 : 9;
      return markup`<rect x="${index * 7}" y="${16 - height}" width="5" height="${height}" rx="1"${fill(color)}/>`;
    })
  }</svg>`;
}

/** The line has no axis, because the last value is shown beside it. */
export function spark(values: readonly (number | null)[]): Html | null {
  const points = values.flatMap((value, index) => value === null ? [] : [[index, value] as const]);
  if (points.length < 3 || values.at(-1) === null) return null;
  const [least, most] = [Math.min(...points.map(([, y]) => y)), Math.max(...points.map(([, y]) => y))];
  const y = (value: number) => most === least ? 50 : 100 - (value - least) / (most - least) * 100;
  const last = points.at(-1)?.[1] ?? least;
  const end = Math.max(1, points.at(-1)?.[0] ?? 1);
  const path = points.map(([px, py]) => `${(px / end * 100).toFixed(1)} ${y(py).toFixed(1)}`).join("L");
  return markup`<svg width="100%" height="36" aria-hidden="true"><svg x="2%" y="4" width="90%" height="28" viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible"><path class="s-idle" d="M${path}" fill="none" stroke="#828c98" stroke-width="1.5" vector-effect="non-scaling-stroke"/></svg><circle cx="92%" cy="${
    (4 + y(last) * 0.28).toFixed(1)
  }" r="3"${fill("run")}/></svg>`;
}

const HEIGHT = 220;
const ABOVE = 18;
const BELOW = 26;
const LEFT = 0.08;
const MAX_PARTS = 3;

function ticksOf(greatest: number): number[] {
  const least = greatest / MAX_PARTS;
  const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, least))));
  const step = [1, 2, 3, 5, 10].map((each) => each * power).find((each) => each >= least) ?? 10 * power;
  return Array.from({ length: Math.max(1, Math.ceil(greatest / step)) + 1 }, (_, index) => index * step);
}

interface Axis {
  readonly drawing: readonly Html[];
  y(value: number): number;
}

function axisOf(greatest: number, height: number): Axis {
  const ticks = ticksOf(greatest);
  const top = ticks.at(-1) ?? 1;
  const y = (value: number) => height - BELOW - Math.min(1, value / top) * (height - BELOW - ABOVE);
  const short = (tick: number) => tick >= 10_000 ? `${tick / 1_000}k` : tick;
  const drawing = ticks.map((tick) =>
    markup`<line class="s-grid" x1="${percent(LEFT)}" x2="100%" y1="${y(tick)}" y2="${
      y(tick)
    }" stroke="#e2e6eb"/><text x="${percent(LEFT - 0.015)}" y="${y(tick) + 4}" text-anchor="end" ${TEXT}>${
      short(tick)
    }</text>`
  );
  return { drawing, y };
}

function chart(label: string, height: number, content: readonly Part[]): Html {
  return markup`<svg class="chart" width="100%" height="${height}" role="img" aria-label="${label}">${content}</svg>`;
}

export interface ChartColumn {
  readonly name?: string | undefined;
  readonly parts: readonly (readonly [color: Fill, value: number])[];
  readonly text?: string | undefined;
  readonly isOpen?: boolean;
}

export function columns(label: string, all: readonly ChartColumn[], height = HEIGHT): Html {
  const totals = all.map(({ parts }) => parts.reduce((sum, [, value]) => sum + value, 0));
  const { drawing, y } = axisOf(Math.max(1, ...totals), height);
  const slot = (1 - LEFT) / Math.max(1, all.length);
  const shapes = all.map(({ name, parts, text, isOpen = false }, index) => {
    const x = LEFT + slot * (index + 0.2);
    const middle = percent(LEFT + slot * (index + 0.5));
    let below = 0;
    const rects = parts.filter(([, value]) => value > 0).map(([color, value]) => {
      const [from, to] = [y(below), y(below + value)];
      below += value;
      const size = Math.max(1, from - to - 1);
      return markup`<rect x="${percent(x)}" y="${to.toFixed(1)}" width="${percent(slot * 0.6)}" height="${
        size.toFixed(1)
      }"${fill(color)}${isOpen && markup` fill-opacity=".55"`}/>`;
    });
    const isLast = index === all.length - 1;
    return markup`${rects}${
      text !== undefined &&
      markup`<text x="${middle}" y="${(y(below) - 6).toFixed(1)}" text-anchor="middle" ${NAME}>${text}</text>`
    }${
      name !== undefined &&
      markup`<text x="${isLast ? "100%" : middle}" y="${height - 6}" text-anchor="${
        isLast ? "end" : "middle"
      }" ${TEXT}>${name}</text>`
    }`;
  });
  return chart(label, height, [drawing, shapes]);
}

export interface ChartLine {
  readonly name: string;
  readonly color: "run" | "idle" | "good";
  readonly dashed?: boolean;
  readonly points: readonly (readonly [at: number, value: number])[];
}

const STROKES = { run: "#4468e6", idle: "#828c98", good: "#2b9a57" } as const;
const LINE_HEIGHT = 15;

/**
 * @param names Names below the axis, each with its position from 0 to 1.
 * @param isStepped Whether a value lasts until the next value.
 */
export function lines(
  label: string,
  all: readonly ChartLine[],
  names: readonly (readonly [at: number, name: string])[],
  { isStepped = false, height = HEIGHT, greatest = 0 }: {
    isStepped?: boolean;
    height?: number;
    greatest?: number;
  } = {},
): Html {
  const { drawing, y } = axisOf(
    Math.max(1, greatest, ...all.flatMap(({ points }) => points.map(([, v]) => v))),
    height,
  );
  const room = height - ABOVE - BELOW;
  const [from, width] = [LEFT + 0.01, 1 - LEFT - 0.03];
  const x = (at: number) => (Math.min(1, at) * 1_000).toFixed(0);
  const paths = all.filter(({ points }) => points.length > 0).map(({ color, dashed = false, points }) => {
    const places = [...new Map(points.map(([at, value]) => [x(at), (y(value) - ABOVE).toFixed(1)]))];
    const path = places.map(([px, py], index) =>
      index === 0 ? `M${px} ${py}` : isStepped ? `H${px}V${py}` : `L${px} ${py}`
    );
    return markup`<path class="s-${color}" d="${path.join("")}" fill="none" stroke="${
      STROKES[color]
    }" stroke-width="2" vector-effect="non-scaling-stroke"${dashed && markup` stroke-dasharray="4 4"`}/>`;
  });
  const ends = placesOf(all, y).map(({ name, at, place }) =>
    markup`<text x="${percent(from + width * at)}" y="${place.toFixed(1)}" text-anchor="end" ${NAME}>${name}</text>`
  );
  const below = names.map(([at, name]) =>
    markup`<text x="${percent(from + width * at)}" y="${height - 6}" text-anchor="${
      at <= 0.05 ? "start" : at >= 0.95 ? "end" : "middle"
    }" ${TEXT}>${name}</text>`
  );
  return chart(label, height, [
    drawing,
    markup`<svg x="${percent(from)}" y="${ABOVE}" width="${
      percent(width)
    }" height="${room}" viewBox="0 0 1000 ${room}" preserveAspectRatio="none" overflow="visible">${paths}</svg>`,
    ends,
    below,
  ]);
}

/** A name takes at least a quarter of the width, and more if it is long, because a phone is narrow. */
const shareOf = (name: string) => Math.max(0.25, name.length * 0.022);
const [ASCENT, DESCENT, GAP] = [10, 3, 7];

interface Place {
  readonly name: string;
  readonly at: number;
  readonly place: number;
}

/**
 * Places each name above its line, otherwise below it, so that the name covers neither a line nor another name. If there is no such place, names are
 * stacked.
 */
function placesOf(all: readonly ChartLine[], y: (value: number) => number): Place[] {
  const rows = all.flatMap(({ name, points }) => {
    const last = points.at(-1);
    if (last === undefined) return [];
    const [lastAt, lastValue] = last;
    const share = shareOf(name);
    // The name ends with the line, but does not begin to the left of the axis.
    const at = Math.min(1, Math.max(0.3, share, lastAt));
    const from = at - share;
    // A larger value has a smaller vertical position.
    const spans = all.flatMap((each) => {
      const span = spanFrom(each.points, from, at);
      return span === null ? [] : [{ top: y(span.most), bottom: y(span.least) }];
    });
    // A line can end before its name begins.
    const { most, least } = spanFrom(points, from, at) ?? { most: lastValue, least: lastValue };
    return [{ name, at, spans, top: y(most), bottom: y(least) }];
  }).sort((a, b) => a.top - b.top);
  const places: Place[] = [];
  for (const { name, at, spans, top, bottom } of rows) {
    const isFree = (place: number) =>
      spans.every((span) => span.bottom < place - ASCENT || span.top > place + DESCENT) &&
      places.every((other) => Math.abs(other.place - place) >= LINE_HEIGHT);
    const lowest = Math.max(-Infinity, ...places.map(({ place }) => place));
    const above = Math.max(LINE_HEIGHT - 3, top - GAP);
    const below = bottom + GAP + ASCENT;
    const place = [above, below].find((each) => each <= y(0) - DESCENT && isFree(each)) ??
      Math.max(above, lowest + LINE_HEIGHT);
    places.push({ name, at, place });
  }
  return places;
}

function spanFrom(points: ChartLine["points"], from: number, to: number): { least: number; most: number } | null {
  const values = points.flatMap(([at, value], index) => {
    if (at > to) return [];
    if (at >= from) return [value];
    const [nextAt, next] = points[index + 1] ?? [at, value];
    return nextAt > from ? [value + (next - value) * (from - at) / (nextAt - at)] : [];
  });
  return values.length === 0 ? null : { least: Math.min(...values), most: Math.max(...values) };
}

export interface GanttRow {
  readonly name: string;
  readonly span: readonly [from: number, to: number] | null;
  readonly color: Fill;
  readonly text: Part;
}

export function gantt(rows: readonly GanttRow[]): Html {
  return markup`<ol class="gantt">${
    rows.map(({ name, span, color, text }) => {
      const [from, to] = span ?? [0, 0];
      const width = Math.max(LEAST, to - from);
      return markup`<li><b>${name}</b><svg width="100%" height="18" aria-hidden="true"><rect y="8" width="100%" height="2"${
        fill("track")
      }/>${
        span !== null &&
        markup`<rect x="${percent(Math.min(from, 1 - width))}" width="${percent(width)}" height="18" rx="3"${
          fill(color)
        }/>`
      }</svg><span>${text}</span></li>`;
    })
  }</ol>`;
}
