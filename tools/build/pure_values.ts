/**
 * Marks the values that a module computes at load time as free of side effects, so that the bundler of another project can omit unused values.
 * Without the marks, a bundler keeps function calls and everything that they refer to.
 *
 * @module
 */
import { type Expression, parse, type SpreadElement } from "acorn";

const PURE = /\/\* ?[@#]__PURE__ ?\*\/\s*\(*$/;

function isPlain(node: Expression | SpreadElement | null): boolean {
  switch (node?.type) {
    case undefined:
    case "Literal":
    case "Identifier":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "ClassExpression":
      return true;
    case "ArrayExpression":
      return node.elements.every(isPlain);
    case "ObjectExpression":
      return node.properties.every((each) =>
        each.type === "Property" && !each.computed && isPlain(each.value as Expression)
      );
    case "TemplateLiteral":
      return node.expressions.length === 0;
    default:
      return false;
  }
}

/** @param text A module whose top-level values have no side effects. To test this, import the module in a process that has loaded nothing else. */
export function withPureValues(text: string): string {
  const places: [start: number, end: number][] = [];
  for (const statement of parse(text, { ecmaVersion: "latest", sourceType: "module" }).body) {
    if (statement.type !== "VariableDeclaration") continue;
    for (const { init } of statement.declarations) {
      if (!init || isPlain(init)) continue;
      const isMarked = init.type === "CallExpression" || init.type === "NewExpression";
      if (isMarked && PURE.test(text.slice(Math.max(0, init.start - 40), init.start))) continue;
      places.push([init.start, init.end]);
    }
  }
  return places.reverse().reduce((whole, [start, end]) => {
    const value = whole.slice(start, end);
    const call = value.startsWith("{") ? `(() => (${value}))()` : `(() => ${value})()`;
    return `${whole.slice(0, start)}/* @__PURE__ */ ${call}${whole.slice(end)}`;
  }, text);
}
