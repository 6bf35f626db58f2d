/**
 * What files do not carry of the packages that are bundled: modules that are imported, and that no call of ours reaches. The bundler cannot
 * see that, since methods refer to them.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../setup.mjs";

const YAML = "node_modules/yaml/browser/dist";

/**
 * We let the YAML parser read files by its core schema, and look at its nodes. We let it write no YAML, make no nodes from values and no
 * values from nodes, and read neither tags nor YAML 1.1.
 */
const YAML_UNUSED = [
  "nodes/toJS",
  "parse/cst-scalar",
  "parse/cst-stringify",
  "parse/cst-visit",
  "public-api",
  "schema/Schema",
  "stringify/stringifyNumber",
  "stringify/stringifyString",
  "visit",
].map((name) => `${YAML}/${name}.js`);

/** A document that is read by the core schema, and does nothing else. */
const YAML_DOCUMENT = `
import { DOC, NODE_TYPE, SCALAR } from "../nodes/identity.js";
import { string } from "../schema/common/string.js";
import { schema } from "../schema/core/schema.js";

export class Document {
  commentBefore = null;
  comment = null;
  errors = [];
  warnings = [];
  contents = null;
  constructor(_value, options) {
    Object.defineProperty(this, NODE_TYPE, { value: DOC });
    this.options = { intAsBigInt: false, strict: true, stringKeys: false, uniqueKeys: true, ...options };
    this.directives = options._directives.atDocument();
    this.schema = { compat: null, knownTags: {}, tags: schema, [SCALAR]: string };
  }
}
`;

/** No directive gets to the parser. */
const YAML_DIRECTIVES = `
import { unused } from "${join(root, "tools/build/unused.mjs")}";

const tags = { "!!": "tag:yaml.org,2002:" };

export class Directives {
  docStart = null;
  docEnd = false;
  add = unused;
  atDocument() {
    return new Directives();
  }
  tagName(source) {
    if (source === "!") return "!";
    if (source[0] !== "!") return null;
    if (source[1] === "<") {
      const verbatim = source.slice(2, -1);
      return verbatim === "!" || verbatim === "!!" ? null : verbatim;
    }
    const [, handle, suffix] = source.match(/^(.*!)([^!]*)$/s);
    if (handle === "!") return source;
    if (handle !== "!!") return null;
    try {
      return tags["!!"] + decodeURIComponent(suffix);
    } catch {
      return null;
    }
  }
}
`;

const YAML_NODE = `
import { NODE_TYPE } from "./identity.js";

export class NodeBase {
  constructor(type) {
    Object.defineProperty(this, NODE_TYPE, { value: type });
  }
}
`;

const YAML_PAIR = `
import { NODE_TYPE, PAIR } from "./identity.js";
import { unused } from "${join(root, "tools/build/unused.mjs")}";

export class Pair {
  constructor(key, value = null) {
    Object.defineProperty(this, NODE_TYPE, { value: PAIR });
    Object.assign(this, { key, value });
  }
}
export { unused as createPair };
`;

const YAML_ALIAS = `
import { ALIAS } from "./identity.js";
import { NodeBase } from "./Node.js";

export class Alias extends NodeBase {
  constructor(source) {
    super(ALIAS);
    this.source = source;
  }
}
`;

/** A map or a list whose items are only collected. */
const collection = (name: string, type: string, tag: string) => `
import { ${type} } from "./identity.js";
import { NodeBase } from "./Node.js";

export class ${name} extends NodeBase {
  static tagName = "tag:yaml.org,2002:${tag}";
  items = [];
  constructor(schema) {
    super(${type});
    Object.defineProperty(this, "schema", { value: schema });
  }
}
`;

/** Source of a module that exports the same names as functions which throw. */
function throwing(path: string): string {
  const [, names = ""] = /^export \{([^}]*)\};$/m.exec(readFileSync(join(root, path), "utf8")) ?? [];
  const exported = names.split(",").map((name) => `unused as ${name.trim().split(" as ").at(-1)}`);
  return `export { ${exported.join(", ")} } from ${JSON.stringify(join(root, "tools/build/unused.mjs"))};`;
}

/** Source texts that replace modules of the YAML parser where it reads campaign files, by the path of the module below the checkout. */
export function unusedOfYaml(): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(YAML_UNUSED.map((path) => [path, throwing(path)])),
    [`${YAML}/doc/Document.js`]: YAML_DOCUMENT,
    [`${YAML}/doc/directives.js`]: YAML_DIRECTIVES,
    [`${YAML}/nodes/Node.js`]: YAML_NODE,
    [`${YAML}/nodes/Pair.js`]: YAML_PAIR,
    [`${YAML}/nodes/Alias.js`]: YAML_ALIAS,
    [`${YAML}/nodes/YAMLMap.js`]: collection("YAMLMap", "MAP", "map"),
    [`${YAML}/nodes/YAMLSeq.js`]: collection("YAMLSeq", "SEQ", "seq"),
  };
}
