import { fileWith } from "./files.ts";
import { entries, type WrongFile } from "./wrong_file.ts";
import { SYNTAX } from "./wrong_syntax.ts";
import { VALUES } from "./wrong_values.ts";

const TASKS: readonly WrongFile[] = [
  {
    name: "both tasks",
    text: fileWith({ file: "prompt-file: task.md" }),
    files: { "task.md": "x" },
    mistakes: [["5:1 prompt-file", "prompt and prompt-file cannot be used together; remove one of them"]],
  },
  {
    name: "blank task",
    text: fileWith({ prompt: 'prompt: " "' }),
    mistakes: [["3:9 prompt", "it is empty; enter text"]],
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
      ["7:13 title", "valid names are ticket, campaign, repository.name"],
    ],
  },
  {
    name: "unknown variable in the file",
    text: fileWith({ prompt: "prompt-file: task.md" }),
    files: { "task.md": "# Task\n\nFix {{ this.that }} and ${{ github.ref }}" },
    mistakes: [["task.md:3:5 prompt", 'there is no variable "this.that"; define it in variables, or write {{{{']],
  },
  {
    name: "no variable",
    text: fileWith({ prompt: "prompt: 'Fix {{ a b }} and {{'" }),
    mistakes: [["3:14 prompt", "write {{ name }}, or {{{{ for a literal {{"], ["3:28 prompt", "is not a variable"]],
  },
  {
    name: "variable of some entries",
    text: fileWith({
      prompt: "prompt: Fix {{ ticket }}",
      repositories: "repositories:\n  - { repo: acme/web, variables: { ticket: A } }\n  - acme/api\n  - query: acme/",
    }),
    mistakes: [["3:13 prompt", "has no value for 2 of 3 entries, first in c.yaml:6:5; set it in variables"]],
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
    mistakes: [["3:9 prompt", "it is empty for the entry in c.yaml:4:16; describe the task"]],
  },
  {
    name: "no file",
    text: fileWith({ prompt: "prompt-file: no.md" }),
    mistakes: [["3:14 prompt-file", "the file does not exist; give its path relative to the folder"]],
  },
  {
    name: "map with a length for a list",
    text: fileWith({ exclude: "exclude: { length: {} }" }),
    mistakes: [["5:10 exclude", 'it is a map with "length"; it must be a list of at most 1000 items']],
  },
  {
    name: "a merge conflict",
    text: fileWith({ name: "<<<<<<< ours\nname: fix\n=======\nname: fox\n>>>>>>> theirs" }),
    mistakes: [
      ["2:1 <<<<<<<", "this line is left over from a merge conflict; keep one of the two parts"],
      ["4:1 =======", "this line is left over from a merge conflict"],
      ["6:1 >>>>>>>", "this line is left over from a merge conflict"],
      ["7:1 prompt", "this is not YAML"],
    ],
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
  entries("a text with commas", "acme/web, acme/api", ["4:15 repositories", 'write ["acme/web", "acme/api"]']),
  entries("a map", "{ acme/web: { base-branch: main } }", ["4:15 repositories", 'begin each entry with "- "']),
  entries("a branch behind the name", "[acme/web@develop]", [
    "4:16 repositories[0]",
    "give a branch with { repo: acme/web, base-branch: develop }",
  ]),
  entries("owner alone", "[acme]", [
    "4:16 repositories[0]",
    "for all repositories of an owner write { query: acme/ }",
  ]),
  entries(
    "address of a page, and one without a name",
    "['https://github.com/acme/web/pull/1', 'https://github.com/acme']",
    [
      "4:16 repositories[0]",
      'there are too many "/"',
    ],
    ["4:54 repositories[1]", "it must be the owner/name, address or id"],
  ),
  entries("glob", "[acme/*]", ["4:16 repositories[0]", "write { query: owner/, exclude: [...] }"]),
  entries("three parts", "[a/b/c]", ["4:16 repositories[0]", 'there are too many "/"']),
  entries("number", "[5]", ["4:16 repositories[0]", "it must be owner/name, an id, or a map"]),
  entries("no key that is known", "[{ rep: acme/web }]", [
    "4:16 repositories[0]",
    'did you mean "repo" instead of "rep"?',
  ]),
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
      'the character " " is not allowed',
    ],
    ["4:58 repositories[0].root", "give a directory inside the repository"],
    ["4:75 repositories[1].query", "a query is a prefix; use * and ? in exclude only"],
    [
      "4:91 repositories[2].repo",
      "it must be the owner/name",
    ],
  ),
  entries(
    "twice",
    "[acme/web, Acme/WEB, { query: a }, { query: A }, { repo: acme/web, root: ./x/ }, { repo: acme/web, root: x }]",
    [
      "4:26 repositories[1]",
      "appears twice, first in c.yaml:4:16; remove one of the two",
    ],
    ["4:50 repositories[3]", 'the query "A" appears twice'],
    ["4:96 repositories[5]", '"acme/web" "x" appears twice'],
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
    'gets the branches "fix/a/b" and "fix/a", and Git cannot store both',
  ], ["4:76 branch", 'it becomes "fix/": it ends with "/"']),
  branches("the other way round", "[{ repo: acme/web, root: a/b }, { repo: acme/web, root: a }]", "fix/{{ root }}", [
    "4:47 branch",
    'gets the branches "fix/a" and "fix/a/b", and Git cannot store both',
  ]),
  branches("two base branches", "[{ repo: acme/web, base-branch: a }, { repo: acme/web, base-branch: b }]", "fix", [
    "4:52 branch",
    "or a variable with a different value for each entry",
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

export const WRONG_FILES: readonly WrongFile[] = [...SYNTAX, ...VALUES, ...TASKS, ...ENTRIES, ...BRANCHES];
