import assert from "node:assert/strict";
import test from "node:test";
import { column, line } from "../src/columns.mjs";
import { maskAccount, numberOf, yearOf } from "../src/references.mjs";

test("column() cuts and pads", () => {
  assert.equal(column("Consulting", 6), "Consu…");
  assert.equal(column("Desk", 6), "Desk  ");
});

test("line() puts three columns side by side", () => {
  assert.equal(line("Desk lamp", 2, 7990), "Desk lamp                  2       79.90");
});

test("references are taken apart", () => {
  assert.equal(yearOf("INV-2026-00042"), 2026);
  assert.equal(numberOf("INV-2026-00042"), 42);
});

test("maskAccount() shows four digits", () => {
  assert.equal(maskAccount("123456789"), "•••••6789");
});
