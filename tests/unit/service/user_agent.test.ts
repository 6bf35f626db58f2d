import { expect, test } from "bun:test";
import { userAgent } from "../../../lib/service/transport.ts";
import { VERSION } from "../../../lib/version.ts";

test("userAgent() names version, runtime and CI system", () => {
  expect(userAgent("gitlab")).toMatch(/^mogplex-ci\/\d+\.\d+\.\d+ \(bun\/\d+\.\d+\.\d+\S*; gitlab\)$/);
  expect(userAgent()).toStartWith(`mogplex-ci/${VERSION} (`);
  expect(userAgent()).toEndWith("; none)");
});

test("userAgent() lets nothing into the header that could end it", () => {
  expect(userAgent("a\r\nX: y)é")).toEndWith("; a__X__y__)");
});
