/**
 * Parses Markdown, HTML and XML with third-party parsers.
 *
 * @module
 */
import MarkdownIt from "markdown-it";
import { type DefaultTreeAdapterTypes, parseFragment } from "parse5";
import { SaxesParser } from "saxes";

/** Structure and text of a document. */
export interface Outline {
  /** Names of elements in order, with their attributes: `a href=…`. */
  elements: string[];
  /** Text outside code. */
  prose: string;
  /** Text inside `code`, one entry an element. */
  code: string[];
}

/** Reads HTML as a browser does. */
export function outlineHtml(html: string): Outline {
  const outline: Outline = { elements: [], prose: "", code: [] };
  function walk(nodes: DefaultTreeAdapterTypes.ChildNode[], inCode: boolean) {
    for (const node of nodes) {
      if (node.nodeName === "#text") {
        const { value } = node as DefaultTreeAdapterTypes.TextNode;
        if (inCode) outline.code.push(`${outline.code.pop() ?? ""}${value}`);
        else outline.prose += value;
        continue;
      }
      if (!("tagName" in node)) {
        outline.elements.push(node.nodeName);
        continue;
      }
      const attributes = node.attrs.filter(({ name }) => name !== "class").map(({ name, value }) => `${name}=${value}`);
      outline.elements.push([node.tagName, ...attributes].join(" "));
      if (node.tagName === "code") outline.code.push("");
      walk(node.childNodes, inCode || node.tagName === "code");
    }
  }
  walk(parseFragment(html).childNodes, false);
  return outline;
}

/** Renders Markdown with the features that forges enable: raw HTML, tables, bare links. */
export function outlineMarkdown(markdown: string): Outline {
  const renderer = new MarkdownIt({ html: true, linkify: true });
  renderer.linkify.set({ fuzzyLink: true, fuzzyEmail: true, fuzzyIP: true });
  return outlineHtml(renderer.render(markdown));
}

/** Elements and text of an XML document. */
export interface XmlOutline {
  /** Names of elements in order. */
  elements: string[];
  /** Attributes of all elements. */
  attributes: Record<string, string>;
  text: string;
}

/** Reads XML strictly. @throws on anything that is not well-formed. */
export function outlineXml(xml: string): XmlOutline {
  const outline: XmlOutline = { elements: [], attributes: {}, text: "" };
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", (tag) => {
    outline.elements.push(tag.name);
    Object.assign(outline.attributes, tag.attributes);
  });
  parser.on("text", (text) => {
    outline.text += text;
  });
  for (const event of ["comment", "cdata", "doctype"] as const) {
    parser.on(event, () => {
      outline.elements.push(`#${event}`);
    });
  }
  parser.on("processinginstruction", () => {
    outline.elements.push("#instruction");
  });
  parser.write(xml).close();
  return outline;
}
