import { expect, test } from "bun:test";
import { shownText } from "../../../../lib/campaign/journal/home.ts";
import { detectPlatform } from "../../../../lib/ci/detect.ts";

const GITHUB = { GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "acme/ops" };

const GITLAB = { GITLAB_CI: "true", CI_PROJECT_URL: "https://gitlab.example/acme/ops" };

const PUBLIC = /^the repository is public, so anyone can read the branch of this campaign, /;

const UNKNOWN = /^anyone who can read the repository can read the branch .*; check whether the repository is public$/;

function said(
  variables: Record<string, string>,
  { event, remote, isNew = true }: { event?: string; remote?: string; isNew?: boolean } = {},
): string | null {
  const env = (name: string) =>
    ({ ...variables, ...event === undefined ? {} : { GITHUB_EVENT_PATH: "/event.json" } })[name];
  const platform = detectPlatform(env);
  const io = { readFile: (path: string) => path === "/event.json" ? event : undefined };
  return shownText(remote ?? platform.remote(env) ?? "https://elsewhere.example/x.git", { env, platform, io, isNew });
}

test("shownText() warns about a branch of a public repository, on GitLab by a variable and on GitHub by the event's file", () => {
  expect(said({ ...GITLAB, CI_PROJECT_VISIBILITY: "public" })).toMatch(PUBLIC);
  expect(said({ ...GITLAB, CI_PROJECT_VISIBILITY: "public" }, { isNew: false })).toMatch(PUBLIC);
  expect(said({ ...GITLAB, CI_PROJECT_VISIBILITY: "public" }, { remote: "https://GITLAB.example/acme/ops" })).toMatch(
    PUBLIC,
  );
  expect(said(GITHUB, { event: '{"repository":{"visibility":"public"}}' })).toMatch(PUBLIC);
  expect(said(GITHUB, { event: '{"repository":{"private":false}}' })).toMatch(PUBLIC);
});

test("shownText() says nothing of a repository that is not public", () => {
  for (const CI_PROJECT_VISIBILITY of ["private", "internal"]) {
    expect(said({ ...GITLAB, CI_PROJECT_VISIBILITY })).toBeNull();
  }
  expect(said(GITHUB, { event: '{"repository":{"visibility":"internal","private":true}}' })).toBeNull();
  expect(said(GITHUB, { event: '{"repository":{"private":true}}' })).toBeNull();
});

test("shownText() says once, with the first plan, that it is not known", () => {
  const unknown: [Record<string, string>, Parameters<typeof said>[1]?][] = [
    [{}],
    [GITLAB],
    [GITHUB],
    [GITHUB, { event: "no JSON" }],
    [GITHUB, { event: "null" }],
    [GITHUB, { event: '{"repository":{"visibility":1}}' }],
    // What is known of the repository of the job says nothing of another one.
    [{ ...GITLAB, CI_PROJECT_VISIBILITY: "public" }, { remote: "https://gitlab.example/acme/other.git" }],
    [{ ...GITLAB, CI_PROJECT_VISIBILITY: "private" }, { remote: "git@forge.example:acme/ops" }],
  ];
  for (const [variables, more] of unknown) {
    expect(said(variables, more)).toMatch(UNKNOWN);
    expect(said(variables, { ...more, isNew: false })).toBeNull();
  }
});
