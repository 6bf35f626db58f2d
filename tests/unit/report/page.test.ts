import { expect, test } from "bun:test";
import { markup, page, publishedPage } from "../../../lib/report/page.ts";
import { breaches, elementsOf, textsOf } from "./page_parser.ts";

const FRAME = { path: [], asOf: null, tone: "none", heading: "", summary: null, body: null, notes: [] } as const;

function empty(): string {
  return page({ ...FRAME, title: "</title><b>", heading: "<nothing>", summary: "so far" });
}

test("page() is one file that keeps all rules, of at most 60 KB when it has nothing in it", () => {
  expect(breaches(empty())).toEqual([]);
  expect(new TextEncoder().encode(empty()).length).toBeLessThan(30_000);
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
  const body = markup`<p title="${text}">${text}</p><pre>${text}</pre>`;
  const made = page({
    ...FRAME,
    title: text,
    path: [{ name: text }],
    heading: text,
    summary: text,
    body,
    notes: [text],
  });
  // deno-lint-ignore no-control-regex
  expect(made).not.toMatch(/[\0-\x08\v-\x1f\uffff]|\p{Cs}/u);
  const shown = "a\ufffdb\ufffd[31mc\ufffdd\ufffd\re";
  expect([...textsOf(made, "title"), ...textsOf(made, "h1"), ...textsOf(made, "pre")]).toEqual([shown, shown, shown]);
  expect(elementsOf(made).filter(({ tag, attributes }) => tag === "p" && attributes.title === shown).length).toBe(1);
  expect(breaches(made)).toEqual([]);
});

test("page() without its script has a policy that lets none in, and is loaded again if it says so", () => {
  const made = page({ ...FRAME, title: "", script: false, reloadSeconds: 3 });
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

test("publishedPage() puts a policy before everything, which lets in the script of all pages and no other", () => {
  const home = { name: "acme <agents>", href: "../../index.html" };
  const hostile = empty().replace("</main>", '<img src="x" onerror="a"></main>').replace(
    "<script>",
    "<script>alert(1);",
  )
    .replace(/script-src '[^']*'/, "script-src 'unsafe-inline'");
  const made = publishedPage(hostile, home) ?? "";
  const metas = elementsOf(made).filter(({ attributes }) => attributes["http-equiv"] === "Content-Security-Policy");
  expect(metas.length).toBe(2);
  const [, script] = /script-src '(sha256-[^']+)'/.exec(empty()) ?? [];
  expect(metas[0]?.attributes.content).toBe(
    `default-src 'none'; style-src 'unsafe-inline'; script-src '${script}'; img-src data:; base-uri 'none'; form-action 'none'`,
  );
  expect(made.indexOf("<meta http-equiv")).toBeLessThan(made.indexOf("<style"));
  expect(elementsOf(made).find(({ tag, attributes }) => tag === "a" && attributes.href === home.href)?.text).toBe(
    "acme <agents>",
  );
});

test.each([
  ["<html><script>alert(1)</script>"],
  [`<!-- -->${empty()}`],
  [empty().replace("<title>", '<meta http-equiv="refresh" content="0;url=https://evil.example"><title>')],
  [empty().replace("<title>", "<META HTTP-EQUIV = Refresh content=0><title>")],
])("publishedPage() takes no page that is not ours, or leads elsewhere: %#", (text) => {
  expect(publishedPage(text, { name: "home", href: "index.html" })).toBeUndefined();
});
