import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { MogplexError, NetworkError, UsageError } from "../../../lib/errors.ts";
import { FILE_FORGES } from "../../../lib/forge/file_forges.ts";
import { type FilesOptions, openRepositoryFiles, type RepositoryFiles } from "../../../lib/forge/files.ts";
import type { GitFiles } from "../../../lib/git/files.ts";
import type { Fetch } from "../../../lib/service/transport.ts";
import { type FakeFile, type FilesForge, filesForge } from "./files_forge.ts";
import { json } from "./github_forge.ts";
import { GITEA_TOKEN, GITHUB_TOKEN, GITLAB_TOKEN } from "./world.ts";

interface Opened {
  remote: string;
  user: string | undefined;
  password: string | undefined;
}

/** A job whose Git reads nothing, unless a test says otherwise. */
function jobWith(
  forge: FilesForge,
  { env = { GITHUB_TOKEN }, ciSystem = "none", git }: {
    env?: Record<string, string>;
    ciSystem?: string;
    git?: (opened: Opened) => GitFiles;
  } = {},
): { options: FilesOptions; opened: Opened[] } {
  const opened: Opened[] = [];
  const options: FilesOptions = {
    forges: FILE_FORGES,
    env: (name) => new Map(Object.entries(env)).get(name),
    world: { clock: virtualClock(), fetch: forge.fetch as Fetch, random: () => 0.5 },
    ciSystem,
    isMogplex: (token) => token.startsWith("mog_"),
    // deno-lint-ignore require-await
    async openGit({ remote, credentials }) {
      const place = { remote, user: credentials?.username, password: credentials?.password };
      opened.push(place);
      if (git === undefined) throw new UsageError({ attempted: "run git", why: "git is not installed" });
      return git(place);
    },
  };
  return { options, opened };
}

const GITEA_JOB = {
  GITEA_ACTIONS: "true",
  GITHUB_SERVER_URL: "https://git.example.com",
  GITHUB_API_URL: "https://git.example.com/api/v1",
  GITHUB_REPOSITORY: "acme/web",
  GITEA_TOKEN,
};
const GITLAB_JOB = {
  CI_SERVER_URL: "https://gitlab.com",
  CI_API_V4_URL: "https://gitlab.com/api/v4",
  CI_PROJECT_ID: "7",
  CI_PROJECT_URL: "https://gitlab.com/acme/web",
};

const FORGES: [name: string, origin: string, env: Record<string, string>, ciSystem: string][] = [
  ["GitHub", "https://github.com", { GITHUB_TOKEN }, "none"],
  ["GitLab", "https://gitlab.com", { GITLAB_TOKEN }, "none"],
  ["Gitea", "https://git.example.com", GITEA_JOB, "gitea"],
];

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`;

const FILES: Record<string, string | FakeFile> = {
  ".mogplex/result.json": '{"ok":true}',
  ".mogplex/program.json": { mode: "100755", content: "{}" },
  ".mogplex/link.json": { mode: "120000", content: "/etc/passwd" },
  ".mogplex/module": { mode: "160000" },
  ".mogplex/pointer.json": POINTER,
  ".mogplex/odd.json": { mode: "100664", content: "{}" },
  ".mogplex/large.json": { content: "{}", size: 60_000_000 },
  "linked": { mode: "120000", content: ".mogplex" },
  ...Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`many/${index}.json`, String(index)])),
};

async function textOf(files: RepositoryFiles, path: string): Promise<unknown> {
  const file = await files.file("c0", path);
  return file.kind === "file" ? { blob: file.blob, text: new TextDecoder().decode(file.bytes) } : file;
}

for (const [system, origin, env, ciSystem] of FORGES) {
  test(`openRepositoryFiles() reads files of ${system} by trees and blobs`, async () => {
    const forge = filesForge(FILES);
    const { options, opened } = jobWith(forge, { env, ciSystem });
    const files = await openRepositoryFiles(options, { name: "acme/web" });
    expect([files.origin, await files.head(), await files.head("main"), await files.head("gone")]).toEqual([
      ...[origin, "c0", "c0", null],
    ]);
    const refused = (why: string, path: string) => ({ kind: "refused", why, path });
    expect({
      good: await textOf(files, ".mogplex/result.json"),
      program: await textOf(files, ".mogplex/program.json"),
      last: await textOf(files, "many/249.json"),
      missing: await textOf(files, ".mogplex/other.json"),
      elsewhere: await textOf(files, "other/result.json"),
      link: await textOf(files, ".mogplex/link.json"),
      linkedFolder: await textOf(files, "linked/result.json"),
      submodule: await textOf(files, ".mogplex/module"),
      inSubmodule: await textOf(files, ".mogplex/module/result.json"),
      pointer: await textOf(files, ".mogplex/pointer.json"),
      folder: await textOf(files, ".mogplex"),
      odd: await textOf(files, ".mogplex/odd.json"),
    }).toEqual({
      good: { blob: "blob-.mogplex~result.json", text: '{"ok":true}' },
      program: { blob: "blob-.mogplex~program.json", text: "{}" },
      last: { blob: "blob-many~249.json", text: "249" },
      missing: { kind: "missing" },
      elsewhere: { kind: "missing" },
      link: refused("link", ".mogplex/link.json"),
      linkedFolder: refused("link", "linked"),
      submodule: refused("submodule", ".mogplex/module"),
      inSubmodule: refused("submodule", ".mogplex/module"),
      pointer: refused("lfs", ".mogplex/pointer.json"),
      folder: refused("folder", ".mogplex"),
      odd: refused("mode", ".mogplex/odd.json"),
    });
    expect(opened).toEqual([]);
    expect(forge.received.filter((path) => /contents|\/files\/|raw/.test(path))).toEqual([]);
  });

  test(`openRepositoryFiles() refuses a file of ${system} that is larger than 1 MB`, async () => {
    const forge = filesForge({ "large.json": "x".repeat(2 ** 20 + 1), "limit.json": "x".repeat(2 ** 20) });
    const files = await openRepositoryFiles(jobWith(forge, { env, ciSystem }).options, { name: "acme/web" });
    expect(await files.file("c0", "large.json")).toEqual({ kind: "refused", why: "too large", path: "large.json" });
    expect(await files.file("c0", "limit.json")).toMatchObject({ kind: "file" });
  });

  test(`openRepositoryFiles() reads an empty repository of ${system}`, async () => {
    const forge = filesForge({});
    forge.branches.clear();
    const files = await openRepositoryFiles(jobWith(forge, { env, ciSystem }).options, { name: "acme/web" });
    expect([await files.head(), await files.head("main")]).toEqual([null, null]);
  });

  test(`RepositoryFiles of ${system} ends with 65 for a refused token and with 69 without an answer`, async () => {
    const forge = filesForge(FILES);
    const files = await openRepositoryFiles(jobWith(forge, { env, ciSystem }).options, { name: "acme/web" });
    const exits: unknown[] = [];
    for (const status of [401, 403, 404, 503]) {
      forge.fault = () => json(status, { message: "no" });
      exits.push(await files.head("main").then(() => "read", (error) => error.exit));
    }
    expect(exits).toEqual(["forbidden", "forbidden", "forbidden", "unavailable"]);
  });
}

test("RepositoryFiles of GitHub does not take a file for missing that a list has no room for", async () => {
  const forge = filesForge(FILES);
  const files = await openRepositoryFiles(jobWith(forge).options, { name: "acme/web" });
  forge.hidden.add(".mogplex/result.json");
  await expect(files.file("c0", ".mogplex/result.json")).rejects.toMatchObject({
    exit: "unavailable",
    message:
      'Cannot read repository "acme/web": the API of GitHub with variable GITHUB_TOKEN: GitHub does not list all ' +
      "entries of the folder",
  });
});

/** Git that has the file, or fails. */
function gitWith(error?: MogplexError): GitFiles {
  const answer = <T>(value: T) => error === undefined ? Promise.resolve(value) : Promise.reject(error);
  return {
    head: () => answer("c0"),
    entry: () => answer({ mode: "100644", id: "b0" }),
    blob: () => answer(new Uint8Array([123, 125])),
    close: () => Promise.resolve(),
  };
}

test("openRepositoryFiles() reads by Git with the job token of GitLab, to which the API shows no files", async () => {
  const forge = filesForge(FILES);
  const env = { ...GITLAB_JOB, CI_JOB_TOKEN: "job-token-0123456789" };
  const { options, opened } = jobWith(forge, { env, ciSystem: "gitlab", git: () => gitWith() });
  const files = await openRepositoryFiles(options, { name: "acme/web" });
  expect([files.way, opened]).toEqual(["Git at gitlab.com with variable CI_JOB_TOKEN", [
    { remote: "https://gitlab.com/acme/web.git", user: "gitlab-ci-token", password: env.CI_JOB_TOKEN },
  ]]);
  expect(forge.received).toEqual([]);
  expect(await files.file("c0", "a.json")).toEqual({ kind: "file", blob: "b0", bytes: new Uint8Array([123, 125]) });
});

test("openRepositoryFiles() tries the API, then Git with the token, then Git without one", async () => {
  const forge = filesForge(FILES);
  forge.fault = () => json(404, { message: "Not Found" });
  const refusal = new UsageError({ attempted: "read", why: "Authentication failed" });
  const { options, opened } = jobWith(forge, {
    git: ({ password }) => gitWith(password === undefined ? undefined : refusal),
  });
  const files = await openRepositoryFiles(options, { name: "acme/web" });
  expect([files.way, opened]).toEqual(["Git at github.com without a token", [
    { remote: "https://github.com/acme/web.git", user: "x-access-token", password: GITHUB_TOKEN },
    { remote: "https://github.com/acme/web.git", user: undefined, password: undefined },
  ]]);
});

async function failureOf(options: FilesOptions, origin?: string): Promise<string> {
  const failure = await openRepositoryFiles(options, { name: "acme/web", origin }).then(
    () => undefined,
    (error) => error,
  );
  return `${failure.exit} ${failure.message}`;
}

test("openRepositoryFiles() ends with 65 and names token, permission and variable when nothing can read it", async () => {
  const forge = filesForge(FILES);
  forge.fault = () => json(404, { message: "Not Found" });
  expect(await failureOf(jobWith(forge).options)).toBe(
    'forbidden Cannot read repository "acme/web": the API of GitHub with variable GITHUB_TOKEN: not found on GitHub, or the ' +
      "token in variable GITHUB_TOKEN has no access (HTTP 404); Git at github.com with variable GITHUB_TOKEN: git is " +
      "not installed; Git at github.com without a token: git is not installed; the API of GitHub without a token: " +
      "not found on GitHub, or a request without a token has no access (HTTP 404); put a token with the " +
      'permission "contents: read" into GITHUB_TOKEN',
  );
  expect(forge.tokens).toEqual(new Set([`Bearer ${GITHUB_TOKEN}`]));
});

test("openRepositoryFiles() ends with 69 when a server does not answer", async () => {
  const forge = filesForge(FILES);
  forge.fault = () => json(503, {});
  expect(await failureOf(jobWith(forge).options)).toStartWith("unavailable ");
  const refused = filesForge(FILES);
  refused.fault = () => json(404, {});
  const lost = new NetworkError({ attempted: "read", why: "no route to host" });
  expect(await failureOf(jobWith(refused, { git: () => gitWith(lost) }).options)).toStartWith("unavailable ");
});

test("openRepositoryFiles() sends a token to the host that it is for, and nowhere else", async () => {
  const forge = filesForge(FILES);
  const env = {
    GITHUB_TOKEN,
    GITLAB_TOKEN,
    GITEA_TOKEN,
    MOGPLEX_GIT_TOKEN: "git-password",
    CI_JOB_TOKEN: "job-token-1",
  };
  const { options, opened } = jobWith(forge, { env });
  expect(await failureOf(options, "https://git.example.org")).toBe(
    'forbidden Cannot read repository "acme/web": Git at git.example.org without a token: git is not installed; give its ' +
      "address: --repo https://HOST/OWNER/NAME",
  );
  expect([forge.received, opened]).toEqual([[], [
    { remote: "https://git.example.org/acme/web.git", user: undefined, password: undefined },
  ]]);
});

test("openRepositoryFiles() sends MOGPLEX_GIT_TOKEN to the server that the user named", async () => {
  const env = { MOGPLEX_GIT_TOKEN: "git-password", MOGPLEX_GIT_USERNAME: "kim" };
  const { options, opened } = jobWith(filesForge(FILES), { env, git: () => gitWith() });
  const origin = "https://git.example.org";
  const { way } = await openRepositoryFiles(options, { name: "acme/web", origin, isNamed: true });
  expect([way, opened]).toEqual(["Git at git.example.org with variable MOGPLEX_GIT_TOKEN", [
    { remote: "https://git.example.org/acme/web.git", user: "kim", password: "git-password" },
  ]]);
});

test("openRepositoryFiles() does not send the token of Mogplex to a forge", async () => {
  const forge = filesForge(FILES);
  forge.fault = () => json(404, {});
  const env = { ...GITLAB_JOB, GITLAB_TOKEN: "mog_0123456789" };
  const { options, opened } = jobWith(forge, {
    env: { ...env, MOGPLEX_API_KEY: env.GITLAB_TOKEN },
    ciSystem: "gitlab",
  });
  expect(await failureOf(options)).toContain("holds the Mogplex token, which is not sent to GitLab");
  expect([forge.tokens, opened.map(({ password }) => password)]).toEqual([new Set(), [undefined]]);
});

test("openRepositoryFiles() reads a public repository by the API without a token when there is no Git", async () => {
  const forge = filesForge(FILES);
  const files = await openRepositoryFiles(jobWith(forge, { env: {} }).options, { name: "acme/web" });
  expect([files.way, forge.tokens]).toEqual(["the API of GitHub without a token", new Set()]);
  expect(await textOf(files, ".mogplex/result.json")).toMatchObject({ text: '{"ok":true}' });
});
