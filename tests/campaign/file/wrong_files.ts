import { fileWith } from "./files.ts";

/** A file with mistakes. */
export interface WrongFile {
  name: string;
  text: string;
  /** Files beside it. */
  files?: Record<string, string>;
  /** Each mistake: `LINE:COLUMN key`, and a part of the message that says what to do. All of them, in order. */
  mistakes: readonly (readonly [string, string])[];
}

/** A file that has one wrong line, the fifth. */
function extra(name: string, line: string, ...mistakes: [string, string][]): WrongFile {
  return { name, text: fileWith({ extra: line }), mistakes };
}

/** A file with other entries, on the fourth line. */
function entries(name: string, list: string, ...mistakes: [string, string][]): WrongFile {
  return { name, text: fileWith({ repositories: `repositories: ${list}` }), mistakes };
}

const SYNTAX: readonly WrongFile[] = [
  { name: "empty", text: "", mistakes: [["1:1 ", "the file is empty; begin it with version: 1"]] },
  { name: "comments alone", text: "# a\n\n# b\n", mistakes: [["1:1 ", "the file is empty"]] },
  extra("tab in indentation", "limits:\n\tparallel: 1", [
    "6:1 parallel",
    "a tab indents this line; indent with spaces",
  ]),
  extra("tab in brackets", "limits: {\n\tparallel: 1 }", ["6:1 parallel", "a tab indents this line"]),
  extra("duplicate key", "name: other", ["5:1 name", "duplicate key: it is also in line 2; remove one of the two"]),
  extra("duplicate key below", "limits: { parallel: 1, parallel: 1 }", [
    "5:24 limits.parallel",
    "duplicate key: it is also in line 5",
  ]),
  {
    name: "duplicate key in JSON",
    text: `{"version": 1, "name": "fix",\n "name": "fix", "prompt": "x", "repositories": ["acme/web"]}`,
    mistakes: [["2:2 name", "duplicate key: it is also in line 1"]],
  },
  extra("anchor and alias", "exclude: &a [acme/x]\nbranch: *a", [
    "5:10 exclude",
    'an anchor ("&a") is not permitted; remove it',
  ], ["6:9 branch", 'an alias ("*a") is not permitted; write the value itself']),
  extra("glob without quotes", "exclude: [*-legacy]", [
    "5:11 exclude[0]",
    'an alias ("*-legacy") is not permitted; write the value itself, or put a text that begins with "*" in quotes',
  ]),
  extra("anchor of a map", "limits: &l\n  parallel: 1", ["5:9 limits", 'an anchor ("&l")']),
  extra("merge key", "limits: { <<: x }", [
    "5:11 limits",
    "a merge key (<<) is not permitted; write the keys themselves",
  ]),
  extra("tag", "round: !!str 2026", ["5:8 round", 'a tag ("!!str") is not permitted; remove it']),
  extra("own tag", "branch: !env BRANCH", ["5:9 branch", 'a tag ("!env") is not permitted']),
  {
    name: "directive",
    text: `%YAML 1.1\n---\n${fileWith({})}`,
    mistakes: [["1:1 ", "a directive (a line that begins with %) is not permitted; remove it"]],
  },
  extra("second document", "---\nversion: 1", [
    "5:1 ",
    'a second document begins; one file is one campaign, remove "---"',
  ]),
  extra("unclosed quote", 'title: "Fix\nbranch: x', ["5:8 title", "a quote is not closed; close it"]),
  extra("unclosed bracket", "exclude: [acme/x\nbranch: x", ["5:10 exclude", 'is not closed by "]"']),
  extra("unclosed brace", "limits: { parallel: 1\nbranch: x", ["5:9 limits", 'is not closed by "}"']),
  extra("colon in a text", "title: Fix: all of it", ["5:8 title", "put the text in quotes"]),
  extra("template without quotes", "title: {{ campaign }}", [
    "5:9 title",
    'begins with "{{" is read as a map; put the text in quotes',
  ]),
  extra("key indented too far", "  branch: x", ["5:1 branch", "give all the same indentation"]),
  extra("key indented too little", "limits:\n   parallel: 1\n  attempts: 1", [
    "7:1 attempts",
    "give all the same indentation",
  ]),
  extra("no blank after the colon", "branch:x", [
    "5:1 branch:x",
    'this line has no ": "; write key: value with a blank after the colon',
  ]),
  extra("reserved character", "branch: @x", ["5:9 branch", 'a text cannot begin with "@"; put the text in quotes']),
  extra("percent", "branch: %x", ["5:9 branch", 'a text cannot begin with "%"; put the text in quotes']),
  extra("text after a quote", "title: 'it's broken'", ["5:12 title", "there is something after the end of a value"]),
  extra("escape", 'title: "a\\q"', ["5:10 title", "no such escape exists in double quotes"]),
  extra("list behind its key", "exclude: - acme/x", ["5:10 exclude", "a list begins on the line of its key"]),
  extra("text behind a bar", "title: |text\n  more", ["5:9 title", 'there is text after "|" or ">"']),
  extra("control character", "title: a\x07b", ["5:9 ", "the control character U+0007 is not permitted; remove it"]),
  {
    name: "carriage returns",
    text: "version: 1\rname: fix",
    mistakes: [["1:11 ", "save the file with LF or CRLF line ends"]],
  },
  extra("no-break space", "limits:\n\u00a0 parallel: 1", [
    "6:1 ",
    "a key begins with the blank U+00A0; indent with ordinary spaces",
  ]),
  { name: "nested too deeply", text: `a: ${"[".repeat(50)}`, mistakes: [["1:24 ", "nested more than 20 levels deep"]] },
  extra("list as a key", "? [a]\n: b", ["5:3 ", "a list or a map stands where a key is expected"]),
  extra("empty key", ": b", ["5:1 ", "there is no key before the colon"]),
  extra("proto", "__proto__: { name: x }", ["5:1 __proto__", 'there is no key "__proto__"; remove it']),
  extra("constructor", "constructor: x", ["5:1 constructor", "there is no such key"]),
  { name: "a text", text: "version:1\n", mistakes: [["1:1 ", "write a blank after the colon of a key"]] },
  {
    name: "a list",
    text: "- version: 1\n",
    mistakes: [["1:1 ", "it must be a map with keys of these: $schema, version, name"]],
  },
  {
    name: "comma missing in JSON",
    text: `{\n  "version": 1,\n  "repositories": ["acme/web"]\n  "name": "x"\n}`,
    mistakes: [["4:3 name", "a comma is missing before this"]],
  },
];

const VALUES: readonly WrongFile[] = [
  { name: "name as a number", text: fileWith({ name: "name: 1" }), mistakes: [["2:7 name", 'put it in quotes: "1"']] },
  {
    name: "name as a float",
    text: fileWith({ name: "name: 1e3" }),
    mistakes: [["2:7 name", 'put it in quotes: "1e3"']],
  },
  {
    name: "name as true",
    text: fileWith({ name: "name: true" }),
    mistakes: [["2:7 name", "it is true; it must be a text"]],
  },
  {
    name: "name with capitals",
    text: fileWith({ name: "name: My Fix" }),
    mistakes: [["2:7 name", 'did you mean "my-fix"?']],
  },
  {
    name: "empty name",
    text: fileWith({ name: "name:" }),
    mistakes: [["2:6 name", "it has no value; give one or remove the key"]],
  },
  { name: "version 2", text: fileWith({ version: "version: 2" }), mistakes: [["1:10 version", "it must be 1"]] },
  {
    name: "version in quotes",
    text: fileWith({ version: 'version: "1"' }),
    mistakes: [["1:10 version", "write it without quotes"]],
  },
  extra("round as a number", "round: 2026", ["5:8 round", 'put it in quotes: "2026"']),
  extra("round with a zero", "round: 0123", ["5:8 round", 'put it in quotes: "0123"']),
  extra("round as a date", "round: 2026-12-01", [
    "5:8 round",
    'readers of YAML take for a date; put it in quotes: "2026-12-01"',
  ]),
  extra("branch on", "branch: on", ["5:9 branch", 'readers of YAML take for true or false; put it in quotes: "on"']),
  extra("branch 1:30", "branch: 1:30", ["5:9 branch", 'put it in quotes: "1:30"']),
  extra("title as nothing", "title: ~", ["5:8 title", "it has no value"]),
  extra("title of two lines", 'title: "a\\nb"', ["5:8 title", "it must be one line"]),
  extra("title that is too long", `title: ${"x".repeat(73)}`, ["5:8 title", "it has 73 characters"]),
  extra("title cut by a comment", "title: Fix issue #12", [
    "5:18 title",
    'put the whole text in quotes, or write a blank after "#"',
  ]),
  extra("NUL and half a pair", 'title: "a\\0"\nround: "\\ud800"', ["5:8 title", "NUL"], [
    "6:8 round",
    "half of a surrogate pair",
  ]),
  extra("agent", "agent: { harness: codx, mode: auto }", ["5:19 agent.harness", 'did you mean "codex"?'], [
    "5:31 agent.mode",
    'did you mean "AUTO"?',
  ]),
  extra("agent as a text", "agent: codex", ["5:8 agent", "it must be a map with keys of these: harness, mode"]),
  extra("mode of mogplex", "agent: { harness: mogplex, mode: AUTO }", ["5:34 agent.mode", "takes no mode; remove it"]),
  extra("changes with mogplex", "agent: { harness: mogplex }\nsuccess: { require: changes }", [
    "6:21 success.require",
    "write run, or choose another harness",
  ]),
  extra("pull request with SAFE", "agent: { mode: SAFE }\nsuccess: { require: pull-request }", [
    "6:21 success.require",
    "write run, or choose the mode AUTO or YOLO",
  ]),
  extra("success", "success: { require: pull-requests, accept-unchanged: yes }", [
    "5:21 success.require",
    'did you mean "pull-request"?',
  ], ["5:54 success.accept-unchanged", "did you mean true?"]),
  extra(
    "limits",
    'limits: { parallel: 4, attempts: "2", run-timeout: 30s, stop-after-failures: 0 }',
    [
      "5:21 limits.parallel",
      "it must be a whole number from 1 to 3",
    ],
    ["5:34 limits.attempts", "write it without quotes"],
    ["5:52 limits.run-timeout", "it must be a duration from 1m to 24h: 60m, 1h30m"],
    [
      "5:78 limits.stop-after-failures",
      "a number of items, at least 1, or a share from 1% to 100%",
    ],
  ),
  extra(
    "limits again",
    "limits: { parallel: 0x2, attempts: 1.5, run-timeout: 1.5h, stop-after-failures: 101% }",
    [
      "5:21 limits.parallel",
      "write a number with plain digits: 2",
    ],
    ["5:36 limits.attempts", "it must be a whole number from 1 to 10"],
    ["5:54 limits.run-timeout", "60m, 1h30m"],
    [
      "5:81 limits.stop-after-failures",
      "from 1% to 100%",
    ],
  ),
  extra("canary", "canary: { gate: auto }", ["5:1 canary.size", "it is missing; it must be a whole number"], [
    "5:17 canary.gate",
    "it must be automatic or manual",
  ]),
  extra(
    "windows",
    'windows: ["Mo-Fr 20:00-06:00", "Mon 25:00-06:00", "20:00-06:00", "Mon 20:00-06:00 Europe/Viena"]',
    [
      "5:11 windows[0]",
      'there is no day "Mo"; write Mon',
    ],
    ["5:32 windows[1]", '"25:00" is no time of day'],
    ["5:51 windows[2]", '"daily" means all of them'],
    [
      "5:66 windows[3]",
      'did you mean "Europe/Vienna"?',
    ],
  ),
  extra("one window", "windows: daily", ["5:10 windows", "it must be a list of at most 50 items"]),
  extra(
    "later keys",
    "lanes: []\nlimits: { open-pull-requests: 3 }\non-failed-checks: 1\nnotify: { on: x }",
    [
      "5:1 lanes",
      "this version does not support this key; remove it",
    ],
    ["6:11 limits.open-pull-requests", "remove it"],
    ["7:1 on-failed-checks", "remove it"],
    ["8:1 notify", "remove it"],
  ),
  extra(
    "misspelt keys",
    "brnch: x\nparallel: 3\nrepos: []\nlimits: { paralel: 1 }",
    ["5:1 brnch", 'did you mean "branch"?'],
    [
      "6:1 parallel",
      'did you mean "limits.parallel"?',
    ],
    ["7:1 repos", 'did you mean "repositories"?'],
    ["8:11 limits.paralel", 'did you mean "parallel"?'],
  ),
  extra(
    "exclude",
    "exclude: [acme, '[ab]/x', 8f3a2b1c-1234-4abc-9def-1234567890ab, https://github.com/acme/x]",
    [
      "5:11 exclude[0]",
      'write "acme/*"',
    ],
    ["5:17 exclude[1]", 'the character "[" is not permitted'],
    ["5:27 exclude[2]", "write owner/name"],
    [
      "5:65 exclude[3]",
      'did you mean "acme/x"?',
    ],
  ),
  extra(
    "names of variables",
    "variables: { root: x, a b: x, n: 5, l: [z] }",
    ["5:14 variables.root", "this name is taken"],
    [
      "5:23 variables.a b",
      "begins with a letter",
    ],
    ["5:34 variables.n", 'put it in quotes: "5"'],
    ["5:40 variables.l", "it must be a text"],
  ),
];

const TASKS: readonly WrongFile[] = [
  {
    name: "both tasks",
    text: fileWith({ file: "prompt-file: task.md" }),
    files: { "task.md": "x" },
    mistakes: [["5:1 prompt-file", "prompt and prompt-file exclude each other; remove one of them"]],
  },
  {
    name: "blank task",
    text: fileWith({ prompt: 'prompt: " "' }),
    mistakes: [["3:9 prompt", "it is empty; give a text"]],
  },
  {
    name: "unknown variables",
    text: fileWith({
      prompt: "prompt: |\n  Fix {{ tikcet }}\n  and {{ ticket }} and {{ rot }}",
      title: "title: 'Fix {{ repository }}'",
      variables: "variables: { ticket: A }",
    }),
    mistakes: [
      ["4:7 prompt", 'did you mean "{{ ticket }}"?'],
      ["5:24 prompt", 'did you mean "{{ root }}"?'],
      ["7:13 title", "known are ticket, campaign, repository.name"],
    ],
  },
  {
    name: "unknown variable in the file",
    text: fileWith({ prompt: "prompt-file: task.md" }),
    files: { "task.md": "# Task\n\nFix {{ this.that }} and ${{ github.ref }}" },
    mistakes: [["task.md:3:5 prompt", 'there is no variable "this.that"; give it in variables, or write {{{{']],
  },
  {
    name: "no variable",
    text: fileWith({ prompt: "prompt: 'Fix {{ a b }} and {{'" }),
    mistakes: [["3:14 prompt", "write {{ name }}, or {{{{ for the text {{"], ["3:28 prompt", "is no variable"]],
  },
  {
    name: "variable of some entries",
    text: fileWith({
      prompt: "prompt: Fix {{ ticket }}",
      repositories: "repositories:\n  - { repo: acme/web, variables: { ticket: A } }\n  - acme/api\n  - query: acme/",
    }),
    mistakes: [["3:13 prompt", "has no value for 2 of 3 entries, first in c.yaml:6:5; give it in variables"]],
  },
  {
    name: "prompt too long with its variables",
    text: fileWith({
      prompt: `prompt: ${"{{ v }}".repeat(11)}`.replace(/: (.*)/, ": '$1'"),
      v: `variables: { v: ${"x".repeat(10_000)} }`,
    }),
    mistakes: [["3:9 prompt", "it has 110000 characters for the entry in c.yaml:4:16; at most 100000 are allowed"]],
  },
  {
    name: "task of blank variables",
    text: fileWith({ prompt: "prompt: '{{ v }}'", v: 'variables: { v: " " }' }),
    mistakes: [["3:9 prompt", "it is empty for the entry in c.yaml:4:16; give a task"]],
  },
  {
    name: "no file",
    text: fileWith({ prompt: "prompt-file: no.md" }),
    mistakes: [["3:14 prompt-file", "the file does not exist"]],
  },
  {
    name: "empty file",
    text: fileWith({ prompt: "prompt-file: task.md" }),
    files: { "task.md": " \n" },
    mistakes: [["task.md:1:1 prompt", "it is empty"]],
  },
];

const ENTRIES: readonly WrongFile[] = [
  entries("no entries", "[]", ["4:15 repositories", "it must be a list of 1 to 20000 items"]),
  entries("a text", "acme/web", ["4:15 repositories", "it must be a list"]),
  entries("owner alone", "[acme]", [
    "4:16 repositories[0]",
    "it must be owner/name or the id of a repository (a UUID)",
  ]),
  entries("address", "['https://github.com/acme/web.git', 'git@github.com:acme/api.git']", [
    "4:16 repositories[0]",
    'did you mean "acme/web"?',
  ], ["4:51 repositories[1]", 'did you mean "acme/api"?']),
  entries("glob", "[acme/*]", ["4:16 repositories[0]", "write { query: owner/, exclude: [...] }"]),
  entries("three parts", "[a/b/c]", ["4:16 repositories[0]", 'there are too many "/"']),
  entries("number", "[5]", ["4:16 repositories[0]", "it must be owner/name, an id, or a map"]),
  entries("no key that is known", "[{ rep: acme/web }]", ["4:16 repositories[0]", 'did you mean "repo" by "rep"?']),
  entries("two forms", "[{ repo: acme/web, query: acme/ }]", [
    "4:16 repositories[0]",
    "exactly one of the keys repo, query and file",
  ]),
  entries("misspelt key", "[{ repo: acme/web, base-brnch: x }]", [
    "4:34 repositories[0].base-brnch",
    'did you mean "base-branch"?',
  ]),
  entries(
    "values",
    '[{ repo: acme/web, base-branch: a b, root: ../x }, { query: "a*" }, { repo: 1 }]',
    [
      "4:47 repositories[0].base-branch",
      'the character " " is not permitted',
    ],
    ["4:58 repositories[0].root", "give a directory inside the repository"],
    ["4:75 repositories[1].query", "put globs in exclude"],
    [
      "4:91 repositories[2].repo",
      "it must be owner/name",
    ],
  ),
  entries(
    "twice",
    "[acme/web, Acme/WEB, { query: a }, { query: A }, { repo: acme/web, root: ./x/ }, { repo: acme/web, root: x }]",
    [
      "4:26 repositories[1]",
      "is there twice, first in c.yaml:4:16; remove one of the two",
    ],
    ["4:50 repositories[3]", 'the query "A" is there twice'],
    ["4:96 repositories[5]", '"acme/web" "x" is there twice'],
  ),
];

const TWO_ROOTS = "[{ repo: acme/web, root: a }, { repo: Acme/web, root: a/b }, { repo: acme/web, root: . }]";

/** A file with these entries and a pattern for branches on the fifth line. */
function branches(name: string, list: string, pattern: string, ...mistakes: [string, string][]): WrongFile {
  return { name, text: fileWith({ repositories: `repositories: ${list}`, branch: `branch: '${pattern}'` }), mistakes };
}

const BRANCHES: readonly WrongFile[] = [
  branches("branch for two roots", TWO_ROOTS, "fix/{{ campaign }}", [
    "4:45 branch",
    '"Acme/web" gets the branch "fix/fix" twice, first in c.yaml:4:16; put {{ root }} into branch',
  ], ["4:76 branch", "put {{ root }} into branch"]),
  branches("branches that Git cannot both have", TWO_ROOTS, "fix/{{ root }}", [
    "4:45 branch",
    'gets the branches "fix/a/b" and "fix/a", and Git cannot have both',
  ], ["4:76 branch", 'it becomes "fix/": it ends with "/"']),
  branches("the other way round", "[{ repo: acme/web, root: a/b }, { repo: acme/web, root: a }]", "fix/{{ root }}", [
    "4:47 branch",
    'gets the branches "fix/a" and "fix/a/b", and Git cannot have both',
  ]),
  branches("two base branches", "[{ repo: acme/web, base-branch: a }, { repo: acme/web, base-branch: b }]", "fix", [
    "4:52 branch",
    "or a variable with another value for each entry",
  ]),
  branches("the base branch", "[{ repo: acme/web, base-branch: fix/fix }]", "fix/{{ campaign }}", [
    "4:16 branch",
    "which is the base branch; choose another",
  ]),
  branches("blank in a branch", "[acme/web]", "fix it", ["5:9 branch", 'it becomes "fix it": the character " "']),
  branches("lock in a branch", "[acme/web]", "fix.lock", ["5:9 branch", 'it ends with ".lock"']),
  branches("dot in a branch", "[acme/.github]", "fix/{{ repository.name }}", [
    "4:16 branch",
    'it becomes "fix/.github": a part of it starts with "."',
  ]),
  branches(
    "value of an entry in a branch",
    "[{ repo: a/b, variables: { t: X } }, { repo: a/c, variables: { t: x y } }]",
    "fix/{{ t }}",
    ["4:52 branch", 'it becomes "fix/x y"'],
  ),
  branches("branch that is too long", `[{ repo: a/b, variables: { t: ${"x".repeat(300)} } }]`, "fix/{{ t }}", [
    "4:16 branch",
    "it has 304 characters; at most 200 are allowed",
  ]),
];

/** Every file. */
export const WRONG_FILES: readonly WrongFile[] = [...SYNTAX, ...VALUES, ...TASKS, ...ENTRIES, ...BRANCHES];
