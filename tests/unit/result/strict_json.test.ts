import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeStrictly, JsonMistake, parseStrictJson } from "../../../lib/result/strict_json.ts";

function mistakeIn(text: string | Uint8Array): string {
  try {
    parseStrictJson(typeof text === "string" ? text : decodeStrictly(text));
    return "none";
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    return `${error.line}:${error.column}: ${error.message}`;
  }
}

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

test("parseStrictJson() returns what JSON.parse() does when the text is JSON", () => {
  fc.assert(fc.property(fc.json({ maxDepth: 8 }), (text) => {
    // Numbers that a double does not hold are refused.
    try {
      expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    } catch (error) {
      expect((error as Error).message).toBe("a number is too large or has too many digits");
    }
  }));
  expect(parseStrictJson(' {"a\\u00e9\\n":[1,-0.5e-3,true,false,null,"\\ud83d\\ude00"]}\n'))
    .toEqual({ "aé\n": [1, -0.0005, true, false, null, "😀"] });
});

test("parseStrictJson() treats __proto__ as an ordinary key", () => {
  const value = parseStrictJson('{"__proto__":{"admin":true},"constructor":1}') as Record<string, unknown>;
  expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
  expect(value.admin).toBeUndefined();
  expect(JSON.stringify(value)).toBe('{"__proto__":{"admin":true},"constructor":1}');
});

test("parseStrictJson() names the place when the text is not JSON or means different things to different programs", () => {
  const texts: [string | Uint8Array, string][] = [
    ["", "1:1: it is empty"],
    [" \n ", "2:2: it is empty"],
    ["{", "1:2: a key must be a string in double quotes"],
    ["[1,\n2", '2:2: "," or "]" is missing'],
    ["[1,]", "1:4: there is a comma after the last item"],
    ['{"a":1,}', "1:8: there is a comma after the last item"],
    ["{a:1}", "1:2: a key must be a string in double quotes"],
    ['{"a" 1}', '1:6: ":" is missing'],
    ["{} {}", "1:4: there is text after the end of the value"],
    ["// x\n{}", "1:1: expected a JSON value"],
    ["NaN", "1:1: expected a JSON value"],
    ["'a'", "1:1: expected a JSON value"],
    ["[01]", "1:3: a number is not valid JSON"],
    ["[1.]", "1:3: a number is not valid JSON"],
    ["+1", "1:1: expected a JSON value"],
    ["1e999", "1:1: a number is too large or has too many digits"],
    ["-1e999", "1:1: a number is too large or has too many digits"],
    ["1e-999", "1:1: a number is too large or has too many digits"],
    ["[12345678901234567890]", "1:2: a number is too large or has too many digits"],
    ['{"a":1,\n "a":2}', "2:2: a key appears twice"],
    ['{"a":1,"\\u0061":2}', "1:8: a key appears twice"],
    ['"a\nb"', "1:3: a string contains a control character"],
    ['"ab', "1:1: a string is not closed"],
    ['"\\x41"', "1:2: a backslash must begin a JSON escape"],
    ['"\\u12g4"', "1:2: a backslash must begin a JSON escape"],
    ['["\\ud800"]', "1:2: a string contains an unpaired surrogate"],
    [nested(65), "1:65: it is nested more than 64 levels deep"],
    [nested(100_000), "1:65: it is nested more than 64 levels deep"],
    [new Uint8Array([0x22, 0x0a, 0xff, 0x22]), "2:1: the text is not UTF-8"],
    [new Uint8Array([0xef, 0xbb, 0xbf, 0x31]), "1:1: it begins with a byte order mark"],
    [new Uint8Array([0x7b, 0, 0x7d, 0]), "1:2: a key must be a string in double quotes"],
  ];
  for (const [text, mistake] of texts) expect([text, mistakeIn(text)]).toEqual([text, mistake]);
  expect(mistakeIn(nested(64))).toBe("none");
  expect(mistakeIn("[9007199254740993000, 0.1, 0e5, 1e22]")).toBe("1:2: a number is too large or has too many digits");
  expect(mistakeIn("[9007199254740992, 0.1, 0e5, 1e22, 0.0]")).toBe("none");
});

test("parseStrictJson() passes each value with its pointer and offset", () => {
  const seen: [string, number][] = [];
  parseStrictJson('{"a/b": [1, {"~": 2}]}', (pointer, offset) => seen.push([pointer, offset]));
  expect(seen).toEqual([["", 0], ["/a~1b", 8], ["/a~1b/0", 9], ["/a~1b/1", 12], ["/a~1b/1/~0", 18]]);
});
