/**
 * What a bundle contains although nothing uses it: a bundler keeps a value that it believes to have an effect, and everything that the value names.
 * @module
 */
import { type Node, parse } from "acorn";

interface Declaration {
  readonly name: string;
  readonly node: Node;
}

/**
 * Finds the declarations of `lib` that no statement of the bundle reaches.
 * @param text A bundle of esbuild that is not minified, with the comments that name its modules.
 * @returns The number of characters of each, by its name.
 */
export function unusedIn(text: string): Map<string, number> {
  const { body } = parse(text, { ecmaVersion: "latest", sourceType: "module" });
  const modules = [...text.matchAll(/^\/\/ ((?:lib|node_modules)\/\S+)$/gm)];
  const moduleOf = ({ start }: Node) => modules.findLast(({ index }) => index < start)?.[1] ?? "";
  const declarations: Declaration[] = [];
  const reached = new Set<string>();
  for (const statement of body) {
    if (statement.type === "VariableDeclaration") {
      for (const node of statement.declarations) {
        for (const name of namesIn(node.id)) declarations.push({ name, node });
      }
    } else if (statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration") {
      declarations.push({ name: statement.id.name, node: statement });
    } else {
      for (const name of namesIn(statement)) reached.add(name);
    }
  }
  // A set visits what is added while it is visited.
  for (const name of reached) {
    for (const { node } of declarations.filter((each) => each.name === name)) {
      for (const each of namesIn(node)) reached.add(each);
    }
  }
  const unused = declarations.filter(({ name, node }) => !reached.has(name) && moduleOf(node).startsWith("lib/"));
  return new Map(unused.map(({ name, node: { start, end } }) => [name, end - start]));
}

/** All names in a part of a program. More than those that it uses: a property may have the name of a variable. */
function namesIn(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return [];
  const { type, name } = part as { type?: unknown; name?: unknown };
  return type === "Identifier" ? [String(name)] : Object.values(part).flatMap(namesIn);
}
