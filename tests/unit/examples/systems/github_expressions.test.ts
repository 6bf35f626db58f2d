import { expect, test } from "bun:test";
import { evaluate, holds, interpolate, type Scope } from "./models/github_expressions.ts";

const scope: Scope = {
  contexts: {
    github: { repository: "acme/web", event: { n: 3 } },
    steps: { a: { outcome: "success", outputs: { x: "1" } } },
  },
  status: "failure",
};

test("evaluate() reads operators, functions and contexts as the runner does", () => {
  expect(evaluate("github.repository == 'ACME/web' && steps.a.outcome != 'failure'", scope)).toBe(true);
  expect(evaluate("!(success() || cancelled()) && failure()", scope)).toBe(true);
  expect(evaluate("startsWith(github.repository, 'acme/') && 'it''s' || 'no'", scope)).toBe("it's");
  expect(evaluate("github.event.n == 3", scope)).toBe(true);
  expect(evaluate("steps.a.outputs.none", scope)).toBe("");
});

test("evaluate() throws when it meets anything that it does not know", () => {
  const unknown = [
    "github.none",
    "secrets.X",
    "hashFiles('x')",
    "steps.b.outputs.x",
    "github.event.n == '3'",
    "a ~ b",
    "(true",
    "true true",
    "contains(github.repository)",
    "1.5",
    "",
  ];
  for (const expression of unknown) expect(() => evaluate(expression, scope), expression).toThrow();
});

test("holds() asks for success unless the condition speaks of the status", () => {
  expect([holds(undefined, scope), holds("true", scope), holds("${{ always() }}", scope)]).toEqual([
    false,
    false,
    true,
  ]);
  expect([holds("failure()", scope), holds("always() && steps.a.outcome == 'failure'", scope)]).toEqual([true, false]);
});

test("interpolate() puts values into a text, and throws for objects", () => {
  expect(interpolate("on ${{ github.repository }}: ${{ steps.a.outputs.x }}", scope)).toBe("on acme/web: 1");
  expect(() => interpolate("${{ github }}", scope)).toThrow();
});
