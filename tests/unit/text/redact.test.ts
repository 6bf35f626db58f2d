import { expect, test } from "bun:test";
import fc from "fast-check";
import { createRedactor, cutOpenText, joinRedactors, MASK, redactValue } from "../../../lib/text/redact.ts";
import { UsageError } from "../../../lib/errors.ts";
import { propertyRuns } from "../../property_runs.ts";

const TOKEN = "mog_Zk9pQ2rT7vXw3YbN5sLdF8aG";

function b64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

test("createRedactor() masks the token in text, URLs and Base64", () => {
  const redact = createRedactor({ token: TOKEN });
  expect(redact(`token=${TOKEN}.`)).toBe(`token=${MASK}.`);
  expect(redact(`a${TOKEN}b`)).not.toContain(TOKEN);
  for (const before of ["", "a", "ab", "user:"]) expect(redact(b64(`${before}${TOKEN}@host`))).toContain(MASK);
});

test("createRedactor() masks a token that is not URL-safe in each of its forms", () => {
  const token = `oauth+tok/en~==`;
  const redact = createRedactor({ token });
  for (const form of [token, encodeURIComponent(token), JSON.stringify(token), b64(token)]) {
    expect(redact(form)).toContain(MASK);
  }
});

/** Encodings in which a text can contain a secret. */
const EMBEDDINGS: ((secret: string, before: string, after: string) => string)[] = [
  (secret, before, after) => before + secret + after,
  (secret, before, after) => encodeURIComponent(before) + encodeURIComponent(secret) + encodeURIComponent(after),
  (secret, before, after) => JSON.stringify(before + secret + after),
  (secret, before, after) => b64(before + secret + after),
  (secret, before, after) => b64(before + secret + after).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""),
];

function decodings(text: string): string[] {
  const plain = [text];
  try {
    plain.push(decodeURIComponent(text));
  } catch {
    // Not a URL.
  }
  for (const part of text.split(/[^A-Za-z0-9+/_-]+/)) {
    for (let skip = 0; skip < 4; skip++) {
      const piece = part.slice(skip).replaceAll("-", "+").replaceAll("_", "/");
      const whole = piece.slice(0, piece.length - (piece.length % 4 === 1 ? 1 : 0));
      plain.push(atob(whole));
    }
  }
  return plain;
}

test("createRedactor() masks a secret in every encoding", () => {
  const letters = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/);
  const around = fc.string({ unit: "grapheme-ascii", maxLength: 20 });
  fc.assert(
    fc.property(
      letters,
      around,
      around,
      fc.nat(EMBEDDINGS.length - 1),
      fc.boolean(),
      (body, before, after, which, own) => {
        const secret = own ? `mog_${body}` : `${body}+/ é"&%`;
        const redact = own
          ? createRedactor({ token: secret })
          : createRedactor({ env: (name) => name === "CI_JOB_TOKEN" ? secret : undefined });
        const text = EMBEDDINGS[which]?.(secret, before, after) ?? "";
        const masked = redact(text);
        expect(masked).toContain(MASK);
        for (const decoded of decodings(masked)) expect(decoded).not.toContain(secret);
      },
    ),
    { numRuns: propertyRuns(300) },
  );
});

test("createRedactor() is idempotent", () => {
  const redact = createRedactor({ token: TOKEN, env: () => "hunter2hunter2" });
  const texts = fc.oneof(
    fc.string(),
    fc.constantFrom(
      TOKEN,
      "Bearer abcdefghijklmnopqrst",
      "https://u:pass@h",
      "hunter2hunter2",
      "sk-abcdefghijklmnopqrstuvwx",
    ),
  );
  fc.assert(fc.property(fc.array(texts), (parts) => {
    const once = redact(parts.join(" "));
    expect(redact(once)).toBe(once);
  }));
});

test("createRedactor() masks a token from 4 characters, and leaves text alone when the token is shorter", () => {
  const text = "a fatal error at mog_a";
  for (const token of ["a", "at", "err"]) {
    const redact = createRedactor({ token });
    expect([redact(text), redact.token(text), redact.longest]).toEqual([text, text, 0]);
  }
  const redact = createRedactor({ token: "erro" });
  expect([redact(text), redact.token(text)]).toEqual([`a fatal ${MASK}r at mog_a`, `a fatal ${MASK}r at mog_a`]);
});

test("createRedactor() masks values of secret variables, unless they are short, a UUID, a URL or a word of our own output", () => {
  const values: Record<string, string> = {
    CI_JOB_TOKEN: "s3cr3tv4lue",
    GITHUB_TOKEN: "short",
    GH_TOKEN: "8f3a2b1c-1234-4abc-9def-1234567890ab",
    NPM_TOKEN: "https://registry.example/path",
    OPENAI_API_KEY: "streaming",
    HOSTNAME: "runner-of-somebody",
  };
  const redact = createRedactor({ env: (name) => values[name] });
  expect(redact(Object.values(values).join(" "))).toBe(
    `${MASK} short 8f3a2b1c-1234-4abc-9def-1234567890ab https://registry.example/path streaming runner-of-somebody`,
  );
});

test("createRedactor() masks the longer of two secrets with the same beginning", () => {
  expect(createRedactor({ secrets: ["abcdefgh", "abcdefgh12345"] })("abcdefgh12345")).toBe(MASK);
});

test("createRedactor() masks a secret however much of it is percent-encoded or escaped", () => {
  const secret = `p/w"x\\y&z é'q`;
  const redact = createRedactor({ secrets: [secret] });
  const forms = [
    new URL(`https://h/?${secret}`).search.slice(1),
    `${new URLSearchParams({ a: secret })}`.slice(2),
    encodeURI(secret),
    encodeURIComponent(secret).toLowerCase(),
    [...new TextEncoder().encode(secret)].map((byte) => `%${byte.toString(16)}`).join(""),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
  ];
  for (const form of forms) expect([form, redact(`a${form}b`)]).toEqual([form, `a${MASK}b`]);
});

test("createRedactor() masks a token of which any characters are percent-encoded, in either case of the digits", () => {
  const redact = createRedactor({ token: TOKEN });
  const hex = (char: string) => `%${char.charCodeAt(0).toString(16)}`;
  const mixed = [...TOKEN].map((char, index) => index % 2 === 0 ? hex(char) : hex(char).toUpperCase()).join("");
  const partly = [...TOKEN].map((char, index) => index % 3 === 0 ? hex(char) : char).join("");
  for (const form of [mixed, partly, mixed.replaceAll("F", "f"), [...TOKEN].map(hex).join("")]) {
    for (const mask of [redact, redact.token]) expect(mask(`x=${form}&y`)).toBe(`x=${MASK}&y`);
  }
});

/** One way in which an encoder may write a UTF-16 unit. */
const UNITS: ((unit: string) => string)[] = [
  (unit) => unit,
  (unit) => JSON.stringify(unit).slice(1, -1),
  (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
];

test("createRedactor() masks a token of which any characters are escaped as in JSON, any number of times", () => {
  const ways = fc.array(fc.nat(UNITS.length - 1), { minLength: TOKEN.length, maxLength: TOKEN.length });
  fc.assert(fc.property(ways, fc.nat(3), (chosen, levels) => {
    let form = chosen.map((way, index) => UNITS[way]?.(TOKEN[index] ?? "")).join("");
    for (let level = 0; level < levels; level++) form = JSON.stringify(form).slice(1, -1);
    for (const redact of [createRedactor({ token: TOKEN }), createRedactor({ token: TOKEN }).token]) {
      expect(redact(`a ${form}"b`)).toBe(`a ${MASK}"b`);
    }
  }));
});

test("createRedactor() masks any secret of which any characters are escaped as in JSON", () => {
  const units = fc.string({
    unit: fc.constantFrom(...'ab5_-.u"/&<\u{e9}\u{1f600}\n\t'),
    minLength: 12,
    maxLength: 700,
  });
  fc.assert(
    fc.property(units, fc.infiniteStream(fc.nat(UNITS.length - 1)), (body, ways) => {
      const secret = `s${body}t`;
      const form = [...Array(secret.length).keys()].map((index) => UNITS[ways.next().value ?? 0]?.(secret[index] ?? ""))
        .join("");
      expect(createRedactor({ secrets: [secret] })(`x ${form} y`)).toBe(`x ${MASK} y`);
    }),
    { numRuns: propertyRuns(300) },
  );
});

test("createRedactor() masks a secret with backslashes, however often it was escaped", () => {
  const secret = String.raw`{\"key\":\"a\\n/b\u0041\"}`;
  const redact = createRedactor({ secrets: [secret] });
  for (let form = secret, level = 0; level < 4; level++, form = JSON.stringify(form).slice(1, -1)) {
    for (const text of [form, encodeURIComponent(form), form.replaceAll("\\", "\\u005c")]) {
      expect([text, redact(`x ${text} y`)]).toEqual([text, `x ${MASK} y`]);
    }
  }
});

test("createRedactor() masks known shapes of secrets that are escaped as in JSON, and leaves the rest of the line valid", () => {
  const redact = createRedactor();
  const texts = [
    ["mog\\u005f1234567890abcdef", MASK],
    ["mog\\\\u005F1234567890abcdef", MASK],
    ["mog\\u005cu005f1234567890abcdef", MASK],
    ["a\\nghp_abcdefghijklmnopqrstuvwxyz0123456789", `a\\n${MASK}`],
    ["https:\\/\\/me:abcdef@example.com", `https:\\/\\/me:${MASK}@example.com`],
    [
      "-----BEGIN PRIVATE KEY-----\\nMIIEabcdefghijklmnop\\nqrst==\\n-----END",
      `-----BEGIN PRIVATE KEY-----${MASK}-----END`,
    ],
  ];
  for (const [text, masked] of texts) {
    const line = `{"text":"${text}","nested":"{\\"a\\":\\"${text}\\"}"}`;
    expect(redact(line)).toBe(`{"text":"${masked}","nested":"{\\"a\\":\\"${masked}\\"}"}`);
    JSON.parse(redact(line));
  }
});

test("createRedactor() does not change escaped text without a secret", () => {
  const text = String.raw`{"a":"C:\\new\\build \u00e9\ud83d\n\"b\" \u12 \","c":"%5c%5Cu00"}` + "\\".repeat(200);
  expect(createRedactor({ token: TOKEN, secrets: [String.raw`p\a/s"s\nw\u0041`] })(text)).toBe(text);
});

/** Text of any length in which no piece comes twice. */
function long(length: number, alphabet: string): string {
  let state = 7;
  return Array.from({ length }, () => {
    state = state * 48_271 % 2_147_483_647;
    return alphabet[state % alphabet.length];
  }).join("");
}

test("createRedactor() never throws, and masks secrets of any length in every form", () => {
  for (const length of [511, 512, 513, 5_000, 10_899, 10_901, 30_000]) {
    for (const alphabet of ["abcdefABCDEF0123456789", `aé"\\ %+/=&\u{1f600}\ud800`]) {
      const secret = long(length, alphabet);
      for (const options of [{ secrets: [secret] }, { token: secret }]) {
        const redact = createRedactor(options);
        const hex = [...new TextEncoder().encode(secret)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(
          "",
        );
        for (const form of [secret, JSON.stringify(secret).slice(1, -1), hex, hex.toUpperCase()]) {
          expect(redact(`before ${form} after`) === `before ${MASK} after`, `${length} ${form.slice(0, 20)}`).toBe(
            true,
          );
        }
        const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(secret).subarray(0, 50_000)));
        expect(redact(encoded)).not.toContain(encoded.slice(200, 400));
      }
    }
  }
});

test("createRedactor() masks a secret of half a million characters", () => {
  const secret = long(500_000, "abcdefABCDEF0123456789");
  expect(createRedactor({ secrets: [secret] })(`before ${secret} after`)).toBe(`before ${MASK} after`);
});

test("createRedactor() masks what a cut leaves of a long secret", () => {
  const secret = long(20_000, "abcdefABCDEF0123456789");
  const redact = createRedactor({ secrets: [secret] });
  expect(redact(secret.slice(0, 4_096)).length).toBeLessThan(100);
  expect(redact(`x ${secret.slice(3_000, 3_900)} y`).replace(MASK, "").length).toBeLessThan(160);
});

test("createRedactor() takes any number of secrets", () => {
  const secrets = Array.from({ length: 300 }, (_, index) => `${index}-${long(40 + index % 400, "xyz-/+é")}`);
  const redact = createRedactor({ secrets });
  for (const index of [0, 149, 299]) expect(redact(`a ${secrets[index]} b`)).toBe(`a ${MASK} b`);
});

test("createRedactor() masks known shapes of secrets", () => {
  const redact = createRedactor();
  const secrets = [
    "mog_1234567890abcdef",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "ghs_abcdefghijklmnopqrst",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
    "glpat-abcdefghij1234567890",
    "glcbt-64_abcdefghij1234567890",
    "sk-proj-abcdefghijklmnopqrstuvwxyz",
    "sk-ant-api03-abcdefghijklmnopqrstuvwxyz",
    "sb_secret_abcdefghijklmnopqrstuvwx",
    "xoxb-1234567890-abcdefghij",
    "AKIAABCDEFGHIJKLMNOP",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "AIzaSyAbcdefghijklmnopqrstuvwxyz0123456",
    "whsec_abcdefghijklmnop",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
  ];
  for (const secret of secrets) expect(redact(`"${secret}"`)).toBe(`"${MASK}"`);
  expect(redact("Authorization: Bearer abcdefghijklmnop.qrst")).toBe(`Authorization: Bearer ${MASK}`);
  expect(redact("https://x-access-token:abcdef@github.com/a/b")).toBe(`https://x-access-token:${MASK}@github.com/a/b`);
  expect(redact("-----BEGIN RSA PRIVATE KEY-----\nMIIEabcdefghijklmnop\nqrst==\n-----END")).toBe(
    `-----BEGIN RSA PRIVATE KEY-----${MASK}-----END`,
  );
});

test("createRedactor() does not change ordinary text", () => {
  const text =
    "Fix the task-scheduler-configuration-file in apps/web (mog_ prefix, bearer of news, https://h:8080/a@b, ask-the-reviewer-team-please)" +
    " at 2026-08-10T12:00:00.123456+00:00, run 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11, branch mogplex/external/70a41ec8-9562673e";
  expect(createRedactor({ token: TOKEN })(text)).toBe(text);
});

test("createRedactor() takes linear time for any text", () => {
  const redact = createRedactor({
    token: TOKEN,
    secrets: ["aaaaaaaaaaaaaaaaaaab", '\\\\\\"\\\\"x9xx', '"""/\\"\\//""y'],
  });
  const seeds = [
    "eyJ",
    "eyJa.",
    "eyJaaaaaaaaaaaa.",
    "x-access-token:",
    "://a:",
    "://",
    "Bearer ",
    "bearer",
    "sk-",
    "glpat-",
    "mog_",
    "a",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "xoxb-",
    "AKIA",
    " ",
    "\\",
    '\\"',
    '"',
    "/",
    "%5c",
    "\\u",
    "\\u005c",
    "\\u006d",
    "\\u005cu006d",
    `${"\\".repeat(70)}u006d`,
    "%5cu005c%5c",
  ];
  // Quadratic work on a megabyte would take minutes; the test runner's limit is seconds.
  for (const seed of seeds) redact(seed.repeat(Math.ceil(1_000_000 / seed.length)));
});

test("createRedactor() takes linear time for a text that is nearly a secret, with more backslashes", () => {
  const redact = createRedactor({ secrets: [`${'\\\\"a\\\\":'.repeat(30)}end`] });
  const text = `${"\\".repeat(8)}"a${"\\".repeat(8)}":`.repeat(30);
  expect(redact(`${text}other`)).toBe(`${text}other`);
  expect(redact(`${text}end`)).toContain(MASK);
});

test("redactValue() masks texts at any depth and keeps keys, ids, statuses and other values", () => {
  const redact = createRedactor({ token: TOKEN, env: () => "s3cr3tv4lue" });
  const value = {
    runId: "s3cr3tv4lue",
    repo_id: "s3cr3tv4lue",
    status: "s3cr3tv4lue",
    s3cr3tv4lue: 1,
    events: [{ id: "s3cr3tv4lue", message: `x ${TOKEN}`, payload: { a: ["s3cr3tv4lue", null, true, 7] } }],
  };
  expect(redactValue(value, redact)).toEqual({
    ...value,
    events: [{ id: "s3cr3tv4lue", message: `x ${MASK}`, payload: { a: [MASK, null, true, 7] } }],
  });
});

test("redactValue() keeps dates, and shows of an error what JSON shows, with its message masked", () => {
  const redact = createRedactor({ token: TOKEN });
  const at = new Date(0);
  const error = new UsageError({ attempted: "start run", why: `the task has ${TOKEN}` });
  const copy: Record<string, unknown> = redactValue({ at, error, foreign: new TypeError(`bad ${TOKEN}`) }, redact);
  expect(copy).toMatchObject({
    at,
    error: { name: "UsageError", message: `Cannot start run: the task has ${MASK}`, exitCode: 2, runId: null },
    foreign: { name: "TypeError", message: `bad ${MASK}` },
  });
});

test("redactValue() masks the token even in ids", () => {
  expect(redactValue({ id: TOKEN }, createRedactor({ token: TOKEN }))).toEqual({ id: MASK });
});

test("redactValue() masks texts below a key named __proto__", () => {
  const hostile = JSON.parse(`{"__proto__":{"message":"${TOKEN}"}}`);
  expect(JSON.stringify(redactValue(hostile, createRedactor({ token: TOKEN })))).not.toContain(TOKEN);
});

test("cutOpenText() cuts at a blank, with as many characters behind it as the longest secret has, and never within a secret", () => {
  const redact = createRedactor({ secrets: ["correct horse battery staple"] });
  expect([createRedactor().longest, createRedactor({ token: "mog_0123456789" }).longest]).toEqual([0, 14]);
  // JSON may have escaped each of its characters.
  expect(redact.longest).toBe(6 * 28);
  expect(joinRedactors(redact, createRedactor({ token: "mog_0123456789" })).longest).toBe(6 * 28);
  const cut = (text: string, mask = createRedactor(), limit?: number) => text.slice(0, cutOpenText(text, mask, limit));
  expect(cut("one two three")).toBe("one two");
  expect(cut("one two three", createRedactor(), 6)).toBe("one");
  expect(cutOpenText("onetwothree", createRedactor())).toBe(-1);
  expect(cutOpenText("one two three", createRedactor({ token: "mog_0123456789" }))).toBe(-1);
  const later = "x ".repeat(100);
  expect(cut(`a correct horse battery staple b ${later}`, redact, 15)).toBe("a");
  expect(cut("the key: Bearer abc")).toBe("the key:");
  expect(cut("a -----BEGIN RSA PRIVATE KEY----- MIIE abc")).toBe("a");
});
