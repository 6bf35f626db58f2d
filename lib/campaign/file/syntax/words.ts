/**
 * What is said about text that is not YAML, or that another reader of YAML takes for something else.
 *
 * @module
 */
import { excerpt } from "../mistakes.ts";

/** Words for the parser's errors, by a part of the parser's own message. */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/^Tabs are not allowed/, "a tab indents this line; indent with spaces"],
  [/^Nested mappings/, 'a text with ": " in it is read as a key with a value; put the text in quotes'],
  [
    /^A block sequence may not be used as an implicit map key/,
    "this item begins in another column than the others of its list; give all the same indentation",
  ],
  [/^Missing closing/, "a quote is not closed; close it, and double a quote inside of single quotes"],
  [/^Flow sequence/, 'a list that begins with "[" is not closed by "]", or a line of it is not indented'],
  [/^Flow map/, 'a map that begins with "{" is not closed by "}", or a line of it is not indented'],
  [/^All mapping items/, "this key begins in another column than the others of its map; give all the same indentation"],
  [
    /^All sequence items/,
    "this item begins in another column than the others of its list; give all the same indentation",
  ],
  [
    /^Implicit map keys need/,
    'this line has no ": "; write key: value with a blank after the colon, or put a text of several lines in quotes',
  ],
  [/^Implicit keys need to be on a single line/, "a text of several lines stands where a key is expected"],
  [/^Missing , /, "a comma is missing before this"],
  [/^Unexpected , in|^Unexpected empty item/, "there is nothing before this comma"],
  [/^Missing space after :/, "a blank is missing after the colon"],
  [
    /^Comments must be separated/,
    'a comment needs a blank before its "#"; if it is no comment, put the text in quotes',
  ],
  [/^Sequence item without/, 'this line of a list has no "- ", or its indentation is wrong'],
  [/^Unexpected block-seq-ind/, "a list begins on the line of its key; begin it on the next line"],
  [
    /^A block sequence|^Block collections/,
    'a comma or a closing quote is missing here, or lines without brackets stand inside of "[…]" or "{…}"',
  ],
  [
    /^Block scalar header includes extra characters|^Not a YAML token/,
    'there is text after "|" or ">"; begin it on the next line',
  ],
  [
    /^Invalid escape sequence/,
    'no such escape exists in double quotes; write "\\\\" for a backslash, or use single quotes',
  ],
  [/^(?:Alias|Anchor) cannot be an empty/, "an alias or an anchor has no name; put a text that begins so in quotes"],
];

/** Messages of the parser about something after the end of a value. */
export const AFTER_END = /at node end|in YAML (?:document|stream)/;

/**
 * What is said about an error of the YAML parser.
 *
 * @param message The parser's message.
 * @param line The line of the error.
 */
export function syntaxMessage(message: string, line: string): string {
  if (/[:[,-] *\{\{/.test(line)) return 'a text that begins with "{{" is read as a map; put the text in quotes';
  if (/^(?:<{7}|={7}|>{7})(?:\s|$)/.test(line)) {
    return "this line is left of a merge conflict; keep one of the two parts, and remove the marks";
  }
  const start = /^Plain value cannot start with .*?(\S)$/.exec(message)?.[1];
  if (start !== undefined) return `a text cannot begin with ${excerpt(start)}; put the text in quotes`;
  if (/^\s*-[^\s-]/.test(line) && message.startsWith("Implicit map keys need")) {
    return 'an item of a list needs a blank after its "-"';
  }
  const words = SENTENCES.find(([pattern]) => pattern.test(message))?.[1];
  if (words !== undefined) return words;
  if (AFTER_END.test(message)) {
    return "there is something after the end of a value; check the indentation, and put a text with quotes, brackets or braces in quotes";
  }
  return `this is not YAML; check quotes, brackets and indentation (${excerpt(message)})`;
}

/** What a plain text is to some reader of YAML, although it may be meant as a text; undefined when all read it as a text. */
export function otherMeaning(text: string): string | undefined {
  if (/^(?:y|n|yes|no|on|off|true|false)$/i.test(text)) return "true or false";
  if (/^(?:~|null)?$/i.test(text)) return "nothing";
  if (/^[-+]?(?:\.inf|\.nan|0x[\da-f_]+|0o?[0-7_]+|0b[01_]+)$/i.test(text)) return "a number";
  if (/^[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[-+]?\d+)?$/i.test(text)) return "a number";
  if (/^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?$/.test(text)) return "a number or a time";
  if (/^\d{4}-\d\d?-\d\d?(?:[Tt ].*)?$/.test(text)) return "a date";
  return undefined;
}
