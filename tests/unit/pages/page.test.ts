import { expect, test } from "bun:test";
import { page } from "../../../lib/pages/page.ts";
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

test("breaches() sees what the rules forbid", () => {
  const bad = empty().replace("</main>", '<img src="x"><a href="javascript:x">x</a><p style="a" onclick="b"></main>')
    .replace("<script>", "<script>alert(1);");
  expect(breaches(bad).length).toBe(6);
});
