import { fileWith } from "./files.ts";
import { extra, type WrongFile } from "./wrong_file.ts";

/** Files with wrong values. */
export const VALUES: readonly WrongFile[] = [
  { name: "name as a number", text: fileWith({ name: "name: 1" }), mistakes: [["2:7 name", 'put it in quotes: "1"']] },
  {
    name: "name as a float",
    text: fileWith({ name: "name: 1e3" }),
    mistakes: [["2:7 name", 'put it in quotes: "1e3"']],
  },
  {
    name: "name as true",
    text: fileWith({ name: "name: true" }),
    mistakes: [["2:7 name", "it is true; it must be text"]],
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
    'which some YAML parsers read as a date; put it in quotes: "2026-12-01"',
  ]),
  extra("branch on", "branch: on", [
    "5:9 branch",
    'which some YAML parsers read as true or false; put it in quotes: "on"',
  ]),
  extra("branch 1:30", "branch: 1:30", ["5:9 branch", 'put it in quotes: "1:30"']),
  extra("title as nothing", "title: ~", ["5:8 title", "it has no value"]),
  extra("title of two lines", 'title: "a\\nb"', ["5:8 title", "it must be one line"]),
  extra("title that is too long", `title: ${"x".repeat(73)}`, ["5:8 title", "it has 73 characters"]),
  extra("title cut by a comment", "title: Fix issue #12", [
    "5:18 title",
    'put the whole text in quotes, or write a space after "#"',
  ]),
  extra("NUL and half a pair", 'title: "a\\0"\nround: "\\ud800"', ["5:8 title", "NUL"], [
    "6:8 round",
    "an unpaired surrogate",
  ]),
  extra("agent", 'agent: { harness: "co\\ndex", mode: auto }', ["5:19 agent.harness", "at most 100 characters"], [
    "5:36 agent.mode",
    'did you mean "AUTO"?',
  ]),
  extra("agent as a text", "agent: codex", ["5:8 agent", "it must be a map with these keys: harness, mode"]),
  extra("mode of mogplex", "agent: { harness: mogplex, mode: AUTO }", [
    "5:34 agent.mode",
    "has no modes; remove the key",
  ]),
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
    ["5:52 limits.run-timeout", "it must be a duration from 1m to 24h: 60m, 1h30m, 90s, or a number of seconds"],
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
    ["5:32 windows[1]", '"25:00" is not a time of day'],
    ["5:51 windows[2]", 'write "daily" for all of them'],
    [
      "5:66 windows[3]",
      'did you mean "Europe/Vienna"?',
    ],
  ),
  extra("one window", "windows: daily", ["5:10 windows", "it must be a list of at most 50 items"]),
  extra(
    "keys about pull requests",
    "limits: { open-pull-requests: 0 }\non-failed-checks: { prompt: 'Fix {{ repositry.name }}', attempts: 11 }",
    ["5:31 limits.open-pull-requests", "it must be a whole number from 1 to 10000"],
    ["6:34 on-failed-checks.prompt", 'did you mean "{{ repository.name }}"?'],
    ["6:67 on-failed-checks.attempts", "it must be a whole number from 1 to 10"],
  ),
  extra(
    "notify without a host, with another one, and with variables of others",
    "notify: { webhook-variable: CAMPAIGN_HOOK, on: [gatd] }",
    ["5:1 notify.host", "it is missing; it must be the host of the address, as in hooks.slack.com"],
    ["5:49 notify.on[0]", 'did you mean "gated"?'],
  ),
  extra(
    "notify with an address, and with a variable of another service",
    "notify: { webhook-variable: GITHUB_TOKEN, host: 'https://hooks.slack.com/x', on: [] }",
    ["5:29 notify.webhook-variable", "this variable belongs to a CI system or another service"],
    ["5:49 notify.host", 'did you mean "hooks.slack.com"?'],
    ["5:82 notify.on", "it must be a list of 1 to 3 items"],
  ),
  extra(
    "notify with what is neither a variable nor a host",
    "notify: { webhook-variable: CAMPAIGN-HOOK, host: 'hooks slack', on: [done] }",
    ["5:29 notify.webhook-variable", "it must be the name of an environment variable"],
    ["5:50 notify.host", "it must be only the host of the address, as in hooks.slack.com"],
  ),
  extra(
    "notify with hosts that no address has",
    "notify: { webhook-variable: CAMPAIGN_HOOK, host: '1.2.3.4.5', on: [done] }",
    ["5:50 notify.host", "it must be only the host of the address, as in hooks.slack.com"],
  ),
  ...["SLACK_TOKEN", "VAULT_TOKEN", "HOOK", "campaign_hook"].map((name) =>
    extra(
      `notify with the variable ${name}, which a file may not have sent by itself`,
      `notify: { webhook-variable: ${name}, host: hooks.slack.com, on: [done] }`,
      ["5:29 notify.webhook-variable", `allow it with --webhook-variable ${name}`],
    )
  ),
  ...["PATH", "MOGPLEX_URL", "https_proxy", "TRACEPARENT", "BUILD_URL"].map((name) =>
    extra(
      `notify with the variable ${name}, which the toolkit reads`,
      `notify: { webhook-variable: ${name}, host: hooks.slack.com, on: [done] }`,
      ["5:29 notify.webhook-variable", "the toolkit reads this variable for something else"],
    )
  ),
  extra(
    "notify with a format that there is not",
    "notify: { webhook-variable: CAMPAIGN_HOOK, host: hooks.slack.com, format: slak, on: [done] }",
    ["5:75 notify.format", 'did you mean "slack"?'],
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
    ["5:17 exclude[1]", 'the character "[" is not allowed'],
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
    ["5:40 variables.l", "it must be text"],
  ),
];
