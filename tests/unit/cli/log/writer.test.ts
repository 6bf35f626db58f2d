import { expect, test } from "bun:test";
import { Writer } from "../../../../lib/cli/log/writer.ts";
import { jsonLine } from "../../../../lib/text/escape.ts";
import { detectPlatform } from "../../../../lib/ci/detect.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { own, type SafeLine } from "../../../../lib/text/safe_line.ts";
import { fakeIo } from "../fake_io.ts";

const TOKEN = "mog_writerTestToken0001";

function writer(env: Record<string, string> = {}) {
  const io = fakeIo({ env });
  return { io, writer: new Writer(io, detectPlatform(io.env), createRedactor({ token: TOKEN })) };
}

test("jsonLine() keeps the value, and is one line without commands and control characters", () => {
  const value = { text: "##[error] ###vso[x] \u2028 \u202e \x9b31m \x1b[2J section_start:1:a \n", "##[k": 1 };
  const line = jsonLine(value);
  expect(JSON.parse(line)).toEqual(value);
  // deno-lint-ignore no-control-regex
  expect(line).not.toMatch(/##|section_start:|[\x00-\x1f\x7f-\x9f\u2028\u202e]/);
});

test("Writer masks the token even in lines of ours", () => {
  const { io, writer: out } = writer();
  out.out(`a ${TOKEN}` as SafeLine);
  out.json({ id: TOKEN });
  out.transient(TOKEN as SafeLine);
  out.note(TOKEN);
  out.error(TOKEN);
  expect(io.text).toEqual({
    stdout: `a [redacted]\n{"id":"[redacted]"}\n${
      "\x1b[?7l[redacted]\x1b[?7h\r\x1b[K".repeat(2)
    }\x1b[?7l[redacted]\x1b[?7h`,
    stderr: "note: [redacted]\nerror: [redacted]\n",
  });
});

test("Writer keeps the status line below what is printed on either stream, until it is taken away", () => {
  const { io, writer: out } = writer();
  out.out(own`a`);
  out.transient(own`busy`);
  out.note("b");
  out.transient();
  expect(io.text).toEqual({
    stdout: "a\n\x1b[?7lbusy\x1b[?7h\r\x1b[K\x1b[?7lbusy\x1b[?7h\r\x1b[K",
    stderr: "note: b\n",
  });
});

test("Writer keeps several lines below what is printed, and goes up to remove them", () => {
  const { io, writer: out } = writer();
  out.transient(own`one`, own`two`, own`three`);
  out.out(own`a`);
  out.transient(own`one`);
  out.transient();
  const three = "\x1b[?7lone\ntwo\nthree\x1b[?7h";
  const gone = "\r\x1b[2A\x1b[J";
  expect(io.text.stdout).toBe(`${three}${gone}a\n${three}${gone}\x1b[?7lone\x1b[?7h\r\x1b[K`);
});

test("Writer.paint() colors on a terminal only, unless NO_COLOR or TERM says otherwise", () => {
  const paint = (terminal: boolean, env: Record<string, string> = {}) => {
    const io = fakeIo({ env, terminal });
    return new Writer(io, detectPlatform(io.env), createRedactor({})).paint("red", own`x`);
  };
  expect<string[]>([
    paint(true),
    paint(true, { NO_COLOR: "" }),
    paint(true, { NO_COLOR: "1" }),
    paint(true, { TERM: "dumb" }),
    paint(false),
  ]).toEqual([
    "\x1b[31mx\x1b[0m",
    "\x1b[31mx\x1b[0m",
    "x",
    "x",
    "x",
  ]);
});

test("Writer.paint() colors the log of a job where its CI system shows colors, and whatever FORCE_COLOR says", () => {
  const paint = (env: Record<string, string>, isLog = true) => {
    const io = fakeIo({ env });
    const writer = new Writer(io, detectPlatform(io.env), createRedactor({}));
    if (isLog) writer.beginLog();
    return writer.colored;
  };
  const systems = ["GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS", "GITLAB_CI", "BUILDKITE"]
    .concat("CIRCLECI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "TEAMCITY_VERSION");
  expect(systems.filter((name) => !paint({ [name]: "true" }))).toEqual([]);
  expect([
    paint({ GITLAB_CI: "true", TERM: "dumb" }),
    paint({ GITLAB_CI: "true" }, false),
    paint({ GITLAB_CI: "true", NO_COLOR: "1" }),
    paint({ GITLAB_CI: "true", FORCE_COLOR: "0" }),
    paint({ GITLAB_CI: "true", NO_COLOR: "1", FORCE_COLOR: "1" }, false),
    paint({ JENKINS_URL: "https://jenkins.example" }),
    paint({}),
    paint({ FORCE_COLOR: "1" }),
  ]).toEqual([true, false, false, false, true, false, false, true]);
});

test("Writer.link() makes links on terminals that know them, and nowhere else", () => {
  const url = "https://github.com/acme/web/pull/7";
  const isLink = (env: Record<string, string>, terminal = true) => {
    const io = fakeIo({ env, terminal });
    const shown = new Writer(io, detectPlatform(io.env), createRedactor({})).link(url);
    expect(shown).toContain(url);
    return shown === `\x1b]8;;${url}\x1b\\${url}\x1b]8;;\x1b\\`;
  };
  const knowing: Record<string, string>[] = [{ TERM_PROGRAM: "iTerm.app" }, { VTE_VERSION: "7600" }, {
    WT_SESSION: "x",
  }, {
    TERM: "xterm-kitty",
  }];
  expect(knowing.map((env) => isLink(env))).toEqual([true, true, true, true]);
  const others: Record<string, string>[] = [
    {},
    { TERM: "xterm-256color" },
    { VTE_VERSION: "4800" },
    { TERM_PROGRAM: "Apple_Terminal" },
    { TERM: "tmux-256color", VTE_VERSION: "7600" },
    { VTE_VERSION: "7600", GITLAB_CI: "true" },
  ];
  expect(others.map((env) => isLink(env))).toEqual(others.map(() => false));
  expect(isLink({ VTE_VERSION: "7600" }, false)).toBe(false);
});

test("Writer.clean() keeps texts as they are, unless a secret hides between invisible characters", () => {
  const { writer: out } = writer();
  const hidden = [...TOKEN].join("\u200b");
  const value = { a: "x\x1b[31m\u200by", b: `x ${hidden}\x1b[0m`, [hidden]: 1, id: hidden };
  expect(out.clean(value) as unknown).toEqual({ a: value.a, b: "x [redacted]", "[redacted]": 1, id: "[redacted]" });
});

test("Writer.untrusted() finds a secret of several lines, whole or line by line", () => {
  const io = fakeIo({ env: { CI_DEPLOY_PASSWORD: "first-line\r\nsecond-line" } });
  const out = new Writer(io, detectPlatform(io.env), createRedactor({ env: io.env }));
  expect<string>(out.untrusted("a first-line\nsecond-line b")).toBe("a [redacted] b");
  expect<string>(out.untrusted("a second-line b")).toBe("a [redacted] b");
});

test("Writer.untrusted() makes one line of many", () => {
  expect<string>(writer().writer.untrusted("a\r\n  b\u2028c\x07")).toBe("a b c");
});

test("Writer.untrustedLines() redacts before it cuts, so that no half of a secret is left", () => {
  expect<string[]>(writer().writer.untrustedLines(`1234567890${TOKEN}`, 20)).toEqual(["1234567890[redacted]"]);
});

test("Writer.error() cannot be made to print a workflow command", () => {
  const { io, writer: out } = writer({ GITHUB_ACTIONS: "true" });
  out.error("x\n::error::forged\n##[error]forged");
  expect(io.text.stderr).not.toMatch(/^::|##\[/m);
});

/** A writer on a terminal of a person, whose width can change. */
function onTerminal(columns: number, env: Record<string, string> = {}) {
  const io = fakeIo({ env, terminal: true });
  const size = { columns, rows: 24 };
  return { io, size, writer: new Writer(io, detectPlatform(io.env), createRedactor({ token: TOKEN }), () => size) };
}

test("Writer breaks notes and errors between words where a person reads them on a terminal, and no command and no address", () => {
  const { io, writer: out } = onTerminal(30);
  out.note("sending requests and the token to http://127.0.0.1:40001/a/long/path, unencrypted");
  out.error("Cannot plan: there is no plan; run `mogplex-ci campaign plan campaign.yml --dir d`, then continue");
  out.note("this continues it:", "mogplex-ci campaign run campaign.yml --dir d");
  expect(io.text.stderr.split("\n")).toEqual([
    "note: sending requests and the",
    "  token to",
    "  http://127.0.0.1:40001/a/long/path,",
    "  unencrypted",
    "error: Cannot plan: there is",
    "  no plan; run",
    "  `mogplex-ci campaign plan campaign.yml --dir d`,",
    "  then continue",
    "note: this continues it:",
    "  mogplex-ci campaign run campaign.yml --dir d",
    "",
  ]);
  expect(out.broken("stdout", [own`\x1b[33m  one two three four five six seven\x1b[0m`, own`short`], 4)).toEqual([
    own`\x1b[33m  one two three four five six\x1b[0m`,
    own`\x1b[33m    seven\x1b[0m`,
    own`short`,
  ]);
  expect(out.broken("stdout", [own`\x1b[31mfailed\x1b[0m  token  three four five six`], 15)).toEqual([
    own`\x1b[31mfailed\x1b[0m  token  three four five`,
    own`               six`,
  ]);
  const log = onTerminal(30, { GITLAB_CI: "true" });
  log.writer.note("sending requests and the token to http://127.0.0.1:40001, unencrypted");
  expect(log.io.text.stderr.split("\n").length).toBe(2);
});

test("Writer removes the lines at the bottom whole after the terminal has become narrower and has broken them", () => {
  for (const [env, above] of [[{}, 5], [{ TERM: "xterm", XTERM_VERSION: "XTerm(390)" }, 1]] as const) {
    const { io, size, writer: out } = onTerminal(20, env);
    out.transient(own`\x1b[1maaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x1b[0m`, own`bbbbbbbbbbbbbbbbb`);
    size.columns = 8;
    const before = io.text.stdout.length;
    out.transient();
    expect(io.text.stdout.slice(before)).toBe(`\r\x1b[${above}A\x1b[J`);
  }
});
