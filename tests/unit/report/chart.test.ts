import { expect, test } from "bun:test";
import { bar, columns, gantt, lines, spark, strip } from "../../../lib/report/chart.ts";
import { elementsOf } from "./page_parser.ts";

const shapes = (drawing: unknown, tag: string) =>
  elementsOf(String(drawing)).filter((each) => each.tag === tag).map(({ attributes }) => attributes);

test("bar() draws parts one behind the other, each as wide as its share, on a track that has the rest", () => {
  const drawn = bar("3 of 40", [["good", 28], ["bad", 1], ["run", 0], ["idle", 1]], 40, 12);
  expect(shapes(drawn, "svg")[0]).toMatchObject({ role: "img", "aria-label": "3 of 40", height: "12" });
  expect(shapes(drawn, "rect").map(({ x, width, fill }) => [x, width, fill])).toEqual([
    [undefined, "100%", "#e2e6eb"],
    ["0%", "70%", "#2b9a57"],
    ["70%", "2.5%", "#cf3f32"],
    ["72.5%", "2.5%", "#8a94a0"],
  ]);
});

test("bar() shows the smallest part, stays within its track, and is hidden if the text beside it has the numbers", () => {
  const drawn = bar(null, [["good", 1_000_000], ["bad", 1]], 1_000_000);
  expect(shapes(drawn, "svg")[0]).toMatchObject({ "aria-hidden": "true" });
  expect(shapes(drawn, "rect").slice(1).map(({ x, width }) => [x, width])).toEqual([["0%", "100%"], ["99.4%", "0.6%"]]);
  expect(shapes(bar(null, [["run", 3]], 0), "rect").length).toBe(1);
});

test("strip() draws failed runs at full height, and others lower", () => {
  const drawn = strip("3 runs", ["good", "bad", "idle"]);
  expect(shapes(drawn, "rect").map(({ x, y, height }) => [x, y, height])).toEqual([
    ["0", "7", "9"],
    ["7", "0", "16"],
    ["14", "7", "9"],
  ]);
});

test("spark() needs three values, and leaves out those that are not known", () => {
  expect([spark([1, null, 2]), spark([1, 2, 3, null])]).toEqual([null, null]);
  expect(shapes(spark([1, null, 3, 2]), "path")[0]?.d).toBe("M0.0 100.0L66.7 0.0L100.0 50.0");
});

test.each([
  [1, "0 1"],
  [4, "0 2 4"],
  [7, "0 3 6 9"],
  [39, "0 20 40"],
  [58, "0 20 40 60"],
  [101, "0 50 100 150"],
  [10_000, "0 5000 10k"],
])("columns() has round numbers at four lines at most, up to the greatest value: %d", (greatest, numbers) => {
  const drawn = columns("all", [{ parts: [["good", greatest]] }]);
  const texts = elementsOf(String(drawn)).filter(({ tag }) => tag === "text").map(({ text }) => text);
  expect(texts.join(" ")).toBe(numbers);
});

test("columns() piles parts up, and draws a time that is not over paler", () => {
  const parts = [["good", 2], ["bad", 1], ["idle", 0]] as const;
  const rects = shapes(columns("all", [{ parts }, { parts, isOpen: true }], 144), "rect");
  expect(rects.map(({ y, height, "fill-opacity": opacity }) => [y, height, opacity])).toEqual([
    ["51.3", "65.7", undefined],
    ["18.0", "32.3", undefined],
    ["51.3", "65.7", ".55"],
    ["18.0", "32.3", ".55"],
  ]);
});

test("lines() says in words what it draws, and ten thousand points need no more room than the chart has places", () => {
  const points = Array.from({ length: 10_000 }, (_, index) => [index / 10_000, index] as const);
  const drawn = lines("from 0 to 9999", [{ name: "finished", color: "run", points }], [[0, "first"], [1, "last"]], {
    isStepped: true,
  });
  expect(String(drawn).length).toBeLessThan(20_000);
  expect(shapes(drawn, "svg")[0]).toMatchObject({ role: "img", "aria-label": "from 0 to 9999" });
  const texts = elementsOf(String(drawn)).filter(({ tag }) => tag === "text").map(({ text }) => text);
  expect(texts.slice(-3)).toEqual(["finished", "first", "last"]);
});

test("lines() puts the name of a line that falls above what it has been below the name", () => {
  const placeOf = (points: [number, number][]) => {
    const drawn = lines("one", [{ name: "median", color: "run", points }], []);
    return Number(/y="([\d.]+)"[^>]*>median</.exec(String(drawn))?.[1]);
  };
  const flat = placeOf([[0, 10], [1, 10]]);
  expect(placeOf([[0, 10], [0.8, 10], [1, 0]])).toBe(flat);
  expect(placeOf([[0, 10], [0.5, 10], [1, 0]])).toBeGreaterThan(flat);
  // What is left of the name does not matter.
  expect(placeOf([[0, 10], [0.5, 0], [1, 0]])).toBeGreaterThan(placeOf([[0, 10], [0.5, 10], [1, 0]]));
});

test("lines() puts the name of a line that ends before its name begins at the height of its end", () => {
  const drawn = lines("", [{ name: "finished", color: "good", points: [[0, 0]] }], []);
  expect(shapes(drawn, "text").at(-1)).toMatchObject({ y: "187.0" });
});

test("lines() keeps a long name to the right of the axis when its line ends at the left", () => {
  const name = "95% within 12 min 30 s";
  const xOf = (points: [number, number][]) =>
    Number.parseFloat(shapes(lines("", [{ name, color: "idle", points }], []), "text").at(-1)?.x ?? "");
  // A character takes 2.2% of the width. The same name at the end of the axis is at its right.
  expect(xOf([[0, 3], [0.2, 3]])).toBeGreaterThanOrEqual(2.2 * name.length);
  expect(xOf([[0, 3], [0.2, 3]])).toBeLessThan(xOf([[0, 3], [1, 3]]));
});

test("lines() puts names of lines that meet one below the other", () => {
  const line = (name: string, value: number) => ({
    name,
    color: "run" as const,
    points: [[0, 1], [1, value]] as const,
  });
  const drawn = lines("two", [line("a", 10), line("b", 10)], []);
  const places = elementsOf(String(drawn)).filter(({ tag, attributes }) =>
    tag === "text" && attributes.class === "name"
  );
  expect(places.map(({ attributes }) => Number(attributes.y)).sort((a, b) => a - b)).toHaveLength(2);
  expect(Math.abs(Number(places[0]?.attributes.y) - Number(places[1]?.attributes.y))).toBeGreaterThanOrEqual(12);
});

test("gantt() has a row for each part, also for one that was not reached", () => {
  const drawn = gantt([
    { name: "queue", span: [0, 0.001], color: "idle", text: "1 s" },
    { name: "deliver", span: null, color: "idle", text: "not reached" },
  ]);
  expect(elementsOf(String(drawn)).filter(({ tag }) => tag === "li").map(({ text }) => text)).toEqual([
    "queue1 s",
    "delivernot reached",
  ]);
  expect(shapes(drawn, "rect").map(({ width }) => width)).toEqual(["100%", "0.6%", "100%"]);
});

test.each<[string, [number, number][], [number, number][]]>([
  ["a line climbs to the limit", [[0, 100], [1, 100]], [[0, 0], [0.7, 60], [0.9, 95], [1, 100]]],
  ["a line runs just below another", [[0, 100], [1, 100]], [[0, 80], [1, 92]]],
  ["both fall", [[0, 90], [1, 60]], [[0, 60], [1, 30]]],
  ["both are flat", [[0, 50], [1, 50]], [[0, 20], [1, 20]]],
])("lines() keeps names off lines and other names when %s", (_, upper, lower) => {
  const all = [
    { name: "allowed", color: "idle", points: upper },
    { name: "100 runs finished", color: "run", points: lower },
  ] as const;
  const drawn = lines("two", all, [], { greatest: 100 });
  const places = all.map(({ name }) => Number(new RegExp(`y="([\\d.]+)"[^>]*>${name}<`).exec(String(drawn))?.[1]));
  expect(Math.abs((places[0] ?? 0) - (places[1] ?? 0))).toBeGreaterThanOrEqual(12);
  // The axis has 0 at 194 px and 100 at 18 px.
  const y = (value: number) => 194 - value / 100 * 176;
  const valueAt = (points: [number, number][], at: number) => {
    const index = Math.max(1, points.findIndex(([place]) => place >= at));
    const [[from, first], [to, second]] = [points[index - 1] ?? [0, 0], points[index] ?? [1, 0]];
    return first + (second - first) * (at - from) / (to - from);
  };
  const covers = places.flatMap((place) =>
    [upper, lower].flatMap((points) =>
      [0.75, 0.8, 0.85, 0.9, 0.95, 1].filter((at) => {
        const line = y(valueAt(points, at));
        return line > place - 10 && line < place + 3;
      })
    )
  );
  expect(covers).toEqual([]);
});
