import { expect, test } from "bun:test";
import { bar, markup, page, steps } from "../../../lib/report/page.ts";
import { breaches, elementsOf, textsOf } from "./page_parser.ts";

function empty(): string {
  const verdict = { tone: "none", headline: "<nothing>", line: "so far", reason: null, next: [] } as const;
  return page({ title: "</title><b>", verdict, body: null, notes: [] });
}

test("page() is one file that keeps all rules, of at most 60 KB when it has nothing in it", () => {
  expect(breaches(empty())).toEqual([]);
  expect(new TextEncoder().encode(empty()).length).toBeLessThan(20_000);
  expect([textsOf(empty(), "title"), textsOf(empty(), "h1"), textsOf(empty(), "b")]).toEqual([
    ["</title><b>"],
    ["<nothing>"],
    [],
  ]);
});

test("page() has its language, one main part, and a policy before anything that it is about", () => {
  const elements = elementsOf(empty());
  const tags = elements.map(({ tag }) => tag);
  expect(elements[0]?.attributes.lang).toBe("en");
  expect(tags.filter((tag) => tag === "main" || tag === "h1")).toEqual(["h1", "main"]);
  const policy = elements.findIndex(({ attributes }) => attributes["http-equiv"] !== undefined);
  for (const tag of ["link", "style", "script"]) expect(tags.indexOf(tag)).toBeGreaterThan(policy);
  // Each of these is an error in the console, or has no effect in a document.
  expect(elements[policy]?.attributes.content).not.toMatch(/frame-ancestors|report-uri|sandbox|unsafe/);
});

test("page() replaces characters that are not to be in a document, wherever they come from", () => {
  const text = "a\0b\x1b[31mc\ud800d\uffff\re";
  const verdict = { tone: "none", headline: text, line: "", reason: text, next: [text] } as const;
  const made = page({ title: text, verdict, body: markup`<p title="${text}">${text}</p>`, notes: [text] });
  // deno-lint-ignore no-control-regex
  expect(made).not.toMatch(/[\0-\x08\v-\x1f\uffff]|\p{Cs}/u);
  const shown = "a\ufffdb\ufffd[31mc\ufffdd\ufffd\re";
  expect([...textsOf(made, "title"), ...textsOf(made, "h1"), ...textsOf(made, "pre")]).toEqual([shown, shown, shown]);
  expect(elementsOf(made).filter(({ tag, attributes }) => tag === "p" && attributes.title === shown).length).toBe(1);
  expect(breaches(made)).toEqual([]);
});

test("page() without its script has a policy that lets none in, and is loaded again if it says so", () => {
  const verdict = { tone: "none", headline: "", line: "", reason: null, next: [] } as const;
  const made = page({ title: "", verdict, body: null, notes: [], script: false, reloadSeconds: 3 });
  expect(breaches(made)).toEqual([]);
  expect(elementsOf(made).filter(({ tag }) => tag === "script")).toEqual([]);
  const metas = elementsOf(made).map(({ attributes }) => attributes);
  expect(metas.find((each) => each["http-equiv"] === "Content-Security-Policy")?.content).not.toContain("script-src");
  expect(metas.find((each) => each["http-equiv"] === "refresh")?.content).toBe("3");
});

test("breaches() sees what the rules forbid", () => {
  const bad = empty().replace("</main>", '<img src="x"><a href="javascript:x">x</a><p style="a" onclick="b"></main>')
    .replace("<script>", "<script>alert(1);");
  expect(breaches(bad).length).toBe(6);
});

test.each([
  [1, "0 1"],
  [4, "0 1 2 3 4"],
  [7, "0 2 4 6 8"],
  [39, "0 10 20 30 40"],
  [100, "0 20 40 60 80 100"],
  [101, "0 50 100 150"],
  [10_000, "0 2000 4000 6000 8000 10000"],
])("steps() has a round number at each line of its axis, up to the greatest value: %d", (greatest, numbers) => {
  const line = { name: "ended", colour: 1, points: [[0, 0], [5, greatest]] } as const;
  const elements = elementsOf(String(steps("all of it", [line], { x: 10, y: greatest }, ["from", "to"])));
  expect(elements.filter(({ tag }) => tag === "li").map(({ text }) => text).join(" ")).toBe(numbers);
  // One line for each number, then the line of the values.
  const paths = elements.filter(({ tag }) => tag === "path").map(({ attributes }) => attributes.d);
  expect(paths.length).toBe(numbers.split(" ").length + 1);
  expect(elements.filter(({ tag }) => tag === "span").map(({ text }) => text)).toEqual(["from", "to"]);
});

test("bar() draws parts of 28, 1, 1 and 9 one behind the other, each as wide as its share", () => {
  const share = (value: number, colour: number) => ({ name: `part ${colour}`, value, text: String(value), colour });
  const drawn = String(bar("39 items", [share(28, 2), share(1, 5), share(1, 0), share(9, 1)]));
  const elements = elementsOf(drawn);
  expect(elements.find(({ tag }) => tag === "svg")?.attributes["aria-label"]).toBe(
    "39 items: part 2 28, part 5 1, part 0 1, part 1 9",
  );
  const [, whole = NaN] = (/viewBox="0 0 (\d+) /.exec(drawn) ?? []).map(Number);
  const rects = elements.filter(({ tag }) => tag === "rect").map((
    { attributes: { x, width } },
  ) => [Number(x), Number(width)]);
  // A gap of 1.5 tells each part from the next.
  const expected = [[0, 28], [28, 1], [29, 1], [30, 9]].map(([from = 0, size = 0]) => [
    whole * from / 39,
    whole * size / 39 - 1.5,
  ]);
  expect(rects.length).toBe(4);
  rects.flat().forEach((value, index) => expect(value).toBeCloseTo(expected.flat()[index] ?? NaN, 0));
});
