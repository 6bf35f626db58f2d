import { expect, test } from "bun:test";
import { UsageError } from "../../../lib/errors.ts";
import { checkResultPath, resultPathFor } from "../../../lib/result/result_path.ts";
import { retryTask, withResultTask } from "../../../lib/result/task.ts";

function whyNot(path: string): string {
  try {
    checkResultPath(path);
    return "none";
  } catch (error) {
    return (error as UsageError).why;
  }
}

test("checkResultPath() accepts a path below the root of the repository", () => {
  for (const path of [".mogplex/result-{id}.json", "out.json", "a b/c+d@2,e=f.json", "{id}/{id}"]) {
    expect(checkResultPath(path)).toBe(path);
  }
});

test("checkResultPath() refuses every other path", () => {
  const root = "it must be relative to the root of the repository, without . or ..";
  const characters = "it must contain only letters, digits, spaces and . _ , @ + = -";
  const cases: [string, string][] = [
    ["", "it must be the path of a file"],
    ["a/", "it must be the path of a file"],
    ["/etc/passwd", root],
    ["a//b", root],
    ["./a", root],
    ["../a", root],
    ["a/../b", root],
    ["a\\b", characters],
    ["a\nb", characters],
    ["a`id`", characters],
    ["-", "none"],
    [" a", characters],
    ["é.json", characters],
    [".git/config", ".git is reserved for Git"],
    ["a/.GIT/b", ".git is reserved for Git"],
    ["{key}.json", "{id} is the only placeholder"],
    ["a".repeat(201), "it must have at most 200 characters"],
    [`${"a".repeat(5_000)}!`, characters],
  ];
  for (const [path, why] of cases) expect([path, whyNot(path)]).toEqual([path, why]);
});

test("resultPathFor() puts 8 characters of the key in place of {id}", () => {
  expect(resultPathFor("{id}/result-{id}.json", "ci1-0")).toBe("3c764fde/result-3c764fde.json");
  expect(resultPathFor("a.json", "ci1-0")).toBe("a.json");
});

test("withResultTask() puts the file into the last paragraph, so that the title stays that of the task", () => {
  const task = withResultTask(" Review it\n\nAll of it \n", "a.json", { text: '{"type":"object"}' });
  expect(task).toBe(
    'Review it\n\nAll of it\n\nWhen you have finished, write your result as JSON to the file "a.json" (from the root of the ' +
      'repository), and commit it on your branch: git add --force -- "a.json" && git commit -m "Add the result". Do this even if ' +
      "nothing else has changed. The file must contain one JSON value in UTF-8, no comments, no other text and no secrets, and it " +
      'must be valid against this JSON Schema:\n{"type":"object"}',
  );
});

test("withResultTask() refuses a task that the service would refuse", () => {
  const long = () => withResultTask("x".repeat(99_900), "a.json", { text: "{}" });
  expect(long).toThrow(
    /^Cannot start run because the task and the schema of the result have more than 100000 characters: they have 100\d+; shorten one of them$/,
  );
});

test("retryTask() asks for the file alone, and quotes the mistakes", () => {
  expect(retryTask("a.json", ['"/ok" must be of type boolean (type)'], { text: "{}" })).toStartWith(
    "Fix the result file of this branch\n\nThe last commit of this branch should contain a result file, but the file is not valid:\n" +
      '- "/ok" must be of type boolean (type)\n\nChange nothing but this file.\n\nWhen you have finished,',
  );
});
