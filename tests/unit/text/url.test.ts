import { expect, test } from "bun:test";
import { webUrl } from "../../../lib/text/escape.ts";

test("webUrl() takes addresses of pull requests and nothing that is not one", () => {
  expect(webUrl("https://github.com/acme/web/pull/7")).toBe("https://github.com/acme/web/pull/7");
  expect(webUrl("http://127.0.0.1:4010/acme/web/pull/1")).toBe("http://127.0.0.1:4010/acme/web/pull/1");
  for (
    const bad of [
      "",
      "github.com/acme",
      "ftp://a.example/",
      "https://u:p@a.example/",
      "https://u@a.example/",
      "https://",
    ]
      .concat("https://a.example/\nb", "https://a.example\\@evil.example", `https://a.example/${"x".repeat(3_000)}`)
  ) expect([bad, webUrl(bad)]).toEqual([bad, undefined]);
});
