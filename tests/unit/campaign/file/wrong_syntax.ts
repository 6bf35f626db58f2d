import { fileWith } from "./files.ts";
import { extra, type WrongFile } from "./wrong_file.ts";

/** Files that are no good YAML. */
export const SYNTAX: readonly WrongFile[] = [
  { name: "empty", text: "", mistakes: [["1:1 ", "the file is empty; begin it with version: 1"]] },
  { name: "comments alone", text: "# a\n\n# b\n", mistakes: [["1:1 ", "the file is empty"]] },
  extra("tab in indentation", "limits:\n\tparallel: 1", [
    "6:1 parallel",
    "this line is indented with a tab; use spaces",
  ]),
  extra("tab in brackets", "limits: {\n\tparallel: 1 }", ["6:1 parallel", "this line is indented with a tab"]),
  extra("duplicate key", "name: other", ["5:1 name", "duplicate key: it is also on line 2; remove one of the two"]),
  extra("duplicate key below", "limits: { parallel: 1, parallel: 1 }", [
    "5:24 limits.parallel",
    "duplicate key: it is also on line 5",
  ]),
  {
    name: "duplicate key in JSON",
    text: `{"version": 1, "name": "fix",\n "name": "fix", "prompt": "x", "repositories": ["acme/web"]}`,
    mistakes: [["2:2 name", "duplicate key: it is also on line 1"]],
  },
  extra("anchor and alias", "exclude: &a [acme/x]\nbranch: *a", [
    "5:10 exclude",
    'an anchor ("&a") is not allowed; remove it',
  ], ["6:9 branch", 'an alias ("*a") is not allowed; write the value itself']),
  extra("glob without quotes", "exclude: [*-legacy]", [
    "5:11 exclude[0]",
    'an alias ("*-legacy") is not allowed; write the value itself, or put text that begins with "*" in quotes',
  ]),
  extra("anchor of a map", "limits: &l\n  parallel: 1", ["5:9 limits", 'an anchor ("&l")']),
  extra("merge key", "limits: { <<: x }", [
    "5:11 limits",
    "a merge key (<<) is not allowed; write the keys themselves",
  ]),
  extra("tag", "round: !!str 2026", ["5:8 round", 'a tag ("!!str") is not allowed; remove it']),
  extra("own tag", "branch: !env BRANCH", ["5:9 branch", 'a tag ("!env") is not allowed']),
  {
    name: "directive",
    text: `%YAML 1.1\n---\n${fileWith({})}`,
    mistakes: [["1:1 ", "a directive (a line that begins with %) is not allowed; remove it"]],
  },
  extra("second document", "---\nversion: 1", [
    "5:1 ",
    'a second document begins; a file contains one campaign, so remove "---"',
  ]),
  extra("unclosed quote", 'title: "Fix\nbranch: x', ["5:8 title", "a quote is not closed; close it"]),
  extra("unclosed bracket", "exclude: [acme/x\nbranch: x", ["5:10 exclude", 'is not closed by "]"']),
  extra("unclosed brace", "limits: { parallel: 1\nbranch: x", ["5:9 limits", 'is not closed by "}"']),
  extra("colon in a text", "title: Fix: all of it", ["5:8 title", "put the text in quotes"]),
  extra("template without quotes", "title: {{ campaign }}", [
    "5:9 title",
    'begins with "{{" is read as a map; put the text in quotes',
  ]),
  extra("key indented too far", "  branch: x", ["5:1 branch", "indent all of them the same"]),
  extra("key indented too little", "limits:\n   parallel: 1\n  attempts: 1", [
    "7:1 attempts",
    "indent all of them the same",
  ]),
  extra("no blank after the colon", "branch:x", [
    "5:1 branch:x",
    'this line has no ": "; write key: value with a space after the colon',
  ]),
  extra("reserved character", "branch: @x", ["5:9 branch", 'text cannot begin with "@"; put the text in quotes']),
  extra("percent", "branch: %x", ["5:9 branch", 'text cannot begin with "%"; put the text in quotes']),
  extra("text after a quote", "title: 'it's broken'", ["5:12 title", "there is extra text after a value"]),
  extra("escape", 'title: "a\\q"', ["5:10 title", "this escape sequence is not valid in double quotes"]),
  extra("list behind its key", "exclude: - acme/x", ["5:10 exclude", "a list begins on the line of its key"]),
  extra("text behind a bar", "title: |text\n  more", ["5:9 title", 'there is text after "|" or ">"']),
  extra("control character", "title: a\x07b", ["5:9 ", "the control character U+0007 is not allowed; remove it"]),
  {
    name: "carriage returns",
    text: "version: 1\rname: fix",
    mistakes: [["1:11 ", "save the file with LF or CRLF line endings"]],
  },
  extra("no-break space", "limits:\n\u00a0 parallel: 1", [
    "6:1 ",
    "a key begins with the space U+00A0; indent with ordinary spaces",
  ]),
  { name: "nested too deeply", text: `a: ${"[".repeat(50)}`, mistakes: [["1:24 ", "nested more than 20 levels deep"]] },
  extra("list as a key", "? [a]\n: b", ["5:3 ", "there is a list or a map where a key is expected"]),
  extra("empty key", ": b", ["5:1 ", "there is no key before the colon"]),
  extra("proto", "__proto__: { name: x }", ["5:1 __proto__", 'the key "__proto__" is not allowed; remove it']),
  extra("constructor", "constructor: x", ["5:1 constructor", "there is no such key"]),
  { name: "a text", text: "version:1\n", mistakes: [["1:1 ", "write a space after the colon of a key"]] },
  {
    name: "a list",
    text: "- version: 1\n",
    mistakes: [["1:1 ", "it must be a map with these keys: $schema, version, name"]],
  },
  {
    name: "comma missing in JSON",
    text: `{\n  "version": 1,\n  "repositories": ["acme/web"]\n  "name": "x"\n}`,
    mistakes: [["4:3 name", "a comma is missing before this"]],
  },
  {
    name: "comma missing after a number in JSON",
    text: `{\n  "version": 1\n  "name": "x"\n}`,
    mistakes: [["2:14 version", "a comma or a closing quote is missing here"]],
  },
  {
    name: "comment of JavaScript",
    text: `{\n  // about\n  "version": 1,\n  "name": "x", "prompt": "x", "repositories": ["a/b"]\n}`,
    mistakes: [["1:1 version", "it is missing"], ['2:3 // about "version"', 'a comment begins with "#"']],
  },
  {
    name: "unclosed JSON",
    text: `{\n  "version": 1,\n  "exclude": ["a/b"]\n`,
    mistakes: [["1:1 ", 'is not closed by "}"']],
  },
  extra("equals sign", "branch = x", ["5:1 branch", 'this line has no ": "']),
  extra("item without a blank", "exclude:\n- a/b\n-a/c", ["7:1 -a/c", 'a list item needs a space after its "-"']),
  { name: "first line indented", text: ` ${fileWith({})}`, mistakes: [["2:1 name", "check the indentation"]] },
  extra("block that is not indented", "title: x\nexclude: |\nacme/x\nbranch: y", [
    "7:1 acme/x",
    'this line has no ": "',
  ]),
  extra("text in the place of a list", "exclude: acme/x", ["5:10 exclude", 'write ["acme/x"]']),
];
