/**
 * Reads pages as a browser does, with a third-party parser.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type DefaultTreeAdapterTypes, parse } from "parse5";

/** An element of a page. */
export interface PageElement {
  tag: string;
  attributes: Record<string, string>;
  /** All text in it, with no-break spaces as blanks. */
  text: string;
}

/** All elements of a page, in order. */
export function elementsOf(page: string): PageElement[] {
  const found: PageElement[] = [];
  function walk(node: DefaultTreeAdapterTypes.Node): string {
    if (node.nodeName === "#text") return (node as DefaultTreeAdapterTypes.TextNode).value.replaceAll("\u00a0", " ");
    if (!("childNodes" in node)) return "";
    const element: PageElement = { tag: node.nodeName, attributes: {}, text: "" };
    if ("attrs" in node) { for (const { name, value } of node.attrs) element.attributes[name] = value; }
    if ("tagName" in node) found.push(element);
    element.text = node.childNodes.map(walk).join("");
    return element.text;
  }
  walk(parse(page));
  return found;
}

/** The text of the elements with a tag, or with an id. */
export function textsOf(page: string, tag: string): string[] {
  return elementsOf(page).filter((each) => each.tag === tag).map(({ text }) => text);
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/**
 * Everything about a page that a rule of all pages forbids. One sentence each.
 *
 * @param elements All of the page.
 * @param addresses Where its links may lead.
 */
export function breaches(
  page: string,
  elements: readonly PageElement[] = elementsOf(page),
  addresses = /^(#|https?:\/\/)/,
): string[] {
  const found: string[] = [];
  const policy = elements.find(({ attributes }) => attributes["http-equiv"] === "Content-Security-Policy")?.attributes
    .content ?? "";
  if (!policy.startsWith("default-src 'none'; ")) found.push(`the policy is ${policy}`);
  const ids = new Set<string>();
  for (const { tag, attributes, text } of elements) {
    if ((tag === "style" || tag === "script") && !policy.includes(`${tag}-src ${hashOf(text)}`)) {
      found.push(`the policy does not know a ${tag}: ${text.slice(0, 80)}`);
    }
    if (["img", "iframe", "object", "embed", "base", "form", "audio", "video", "foreignobject"].includes(tag)) {
      found.push(`there is a ${tag}`);
    }
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "style" || name === "src" || name === "srcset" || name.startsWith("on")) {
        found.push(`${tag} has ${name}=${value.slice(0, 80)}`);
      }
      if (
        name === "href" &&
        !(tag === "use"
          ? value.startsWith("#i-")
          : tag === "link"
          ? value.startsWith("data:image/svg+xml,%3Csvg ")
          : addresses.test(value))
      ) {
        found.push(`${tag} leads to ${value.slice(0, 80)}`);
      }
    }
    if (/^https?:/i.test(attributes.href ?? "") && attributes.rel !== "noopener noreferrer") {
      found.push(`a link has rel=${attributes.rel}`);
    }
    if (attributes.id !== undefined && ids.has(attributes.id)) found.push(`two elements have the id ${attributes.id}`);
    ids.add(attributes.id ?? "");
  }
  for (const { attributes: { href = "" } } of elements) {
    if (href.startsWith("#") && !ids.has(href.slice(1))) found.push(`nothing has the id of the link ${href}`);
  }
  return found;
}
