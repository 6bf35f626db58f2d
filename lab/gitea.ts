/**
 * A real Gitea for an experiment: one process on a free port of this machine, with its own database and an administrator, and without mail. Its pages
 * lack style and script, which the Go module does not contain. Everything else works.
 *
 * @module
 */
import { Database } from "bun:sqlite";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { dirname, join } from "node:path";
import type { Bench } from "./bench.ts";
import { GITEA } from "./programs.ts";

export interface GiteaUser {
  id: number;
  name: string;
  password: string;
  token: string;
}

export interface GiteaAnswer {
  status: number;
  // deno-lint-ignore no-explicit-any
  body: any;
}

export interface Gitea {
  origin: string;
  host: string;
  front: { host: string; certificate: string };
  admin: GiteaUser;
  log(): string;
  ask(method: string, path: string, body?: unknown, as?: GiteaUser): Promise<GiteaAnswer>;
  // deno-lint-ignore no-explicit-any
  call(method: string, path: string, body?: unknown, as?: GiteaUser): Promise<any>;
  user(name: string): Promise<GiteaUser>;
  repository(owner: GiteaUser, name: string): Promise<string>;
  commit(repository: string, branch: string, path: string, text: string, as?: GiteaUser): Promise<string>;
  pull(repository: string, branch: string, title: string, as?: GiteaUser): Promise<number>;
  allow(repository: string, user: GiteaUser, right: "read" | "write" | "admin"): Promise<void>;
  webhook(repository: string, url: string, events: readonly string[]): Promise<void>;
  startSchedules(): Promise<void>;
  remote(repository: string, as?: GiteaUser): string;
}

/** During the check for conflicts, the server answers 405, "Please try again later", even if it reports the pull request as mergeable. */
export async function whenChecked<T>(merge: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    const answer = await merge();
    if (tries === 120 || !/try again later/i.test(JSON.stringify(answer))) return answer;
    await Bun.sleep(500);
  }
}

export type Faults = (line: string) => "drop" | "lose" | undefined;

async function endTls(
  bench: Bench,
  program: string,
  port: number,
  faults: Faults = () => undefined,
): Promise<Gitea["front"]> {
  const folder = bench.newFolder();
  const { code, stderr } = await bench.run([program, "cert", "--host", "127.0.0.1", "--ca"], { cwd: folder });
  if (code !== 0) throw new Error(`gitea cert ended with ${code}: ${stderr.slice(-400)}`);
  const certificate = join(folder, "cert.pem");
  const keys = { cert: readFileSync(certificate), key: readFileSync(join(folder, "key.pem")) };
  const server = createTlsServer(keys, (socket) => {
    socket.on("error", () => socket.destroy());
    // A connection of our client has only one request.
    socket.once("data", (first: Uint8Array) => {
      const fault = faults(new TextDecoder().decode(first).split(" HTTP/")[0] ?? "");
      if (fault === "drop") return socket.destroy();
      const to = connect(port, "127.0.0.1");
      for (const each of [socket, to]) each.on("error", () => [socket, to].forEach((end) => end.destroy()));
      to.write(first);
      socket.pipe(to);
      if (fault === undefined) to.pipe(socket);
      else to.once("data", () => [socket, to].forEach((end) => end.destroy()));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  bench.atEnd(async () => {
    server.close();
    await once(server, "close");
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, certificate };
}

export async function startGitea(bench: Bench, hasTls = false, faults?: Faults): Promise<Gitea> {
  const program = GITEA.provide();
  const folder = join(bench.newFolder(), "gitea");
  mkdirSync(folder);
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const origin = `http://${host}`;
  const config = join(folder, "app.ini");
  const front = hasTls ? await endTls(bench, program, port, faults) : { host, certificate: "" };
  const root = `${hasTls ? "https" : "http"}://${front.host}/`;
  bench.writeFiles(folder, { "app.ini": configText(folder, join(dirname(program), "source"), port, root) });
  const line = (...args: string[]) => [program, "--config", config, ...args];
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await bench.run(line(...args), { cwd: folder });
    if (code !== 0) throw new Error(`gitea ${args[0]} ended with ${code}: ${`${stdout}${stderr}`.slice(-800)}`);
    return stdout;
  };
  await run("migrate");
  const [name, password] = ["lab-admin", "lab-password-1"];
  const mail = ["--email", `${name}@example.com`];
  const made = await run(
    ...["admin", "user", "create", "--admin", "--username", name, "--password", password, ...mail],
    ...["--must-change-password=false", "--access-token", "--access-token-name", "lab", "--access-token-scopes", "all"],
  );
  const token = /\b[0-9a-f]{40}\b/.exec(made)?.[0];
  if (token === undefined) throw new Error(`gitea printed no token: ${made.slice(-400)}`);
  const server = bench.start(line("web"), { cwd: folder });
  bench.keep(server.pid);
  await answers(`${origin}/api/v1/version`, server.ended, server.text);

  const admin: GiteaUser = { id: 1, name, password, token };
  async function ask(method: string, path: string, body?: unknown, as = admin): Promise<GiteaAnswer> {
    const answer = await fetch(`${origin}/api/v1${path}`, {
      method,
      headers: { "authorization": `token ${as.token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
  }
  async function call(method: string, path: string, body?: unknown, as = admin): Promise<GiteaAnswer["body"]> {
    const { status, body: answer } = await ask(method, path, body, as);
    if (status < 300) return answer;
    throw new Error(`${method} ${path} was answered with ${status}: ${JSON.stringify(answer)?.slice(0, 400)}`);
  }
  return {
    origin,
    host,
    front,
    admin,
    log: server.text,
    ask,
    call,
    async user(name) {
      const password = "lab-password-2";
      const email = `${name}@example.com`;
      const { id } = await call("POST", "/admin/users", {
        username: name,
        password,
        email,
        must_change_password: false,
      });
      const answer = await fetch(`${origin}/api/v1/users/${name}/tokens`, {
        method: "POST",
        headers: { "authorization": `Basic ${btoa(`${name}:${password}`)}`, "content-type": "application/json" },
        body: JSON.stringify({ name: "lab", scopes: ["all"] }),
      });
      const { sha1 } = await answer.json() as { sha1: string };
      return { id, name, password, token: sha1 };
    },
    async repository(owner, name) {
      await call("POST", "/user/repos", { name, auto_init: true, default_branch: "main" }, owner);
      return `${owner.name}/${name}`;
    },
    async commit(repository, branch, path, text, as = admin) {
      const at = `/repos/${repository}/contents/${path}`;
      const known = await ask("GET", `/repos/${repository}/branches/${branch}`);
      const isNew = known.status === 404;
      const file = await ask("GET", `${at}?ref=${isNew ? "main" : branch}`);
      const { commit } = await call(file.status === 200 ? "PUT" : "POST", at, {
        content: btoa(text),
        message: `Change ${path}`,
        ...(isNew ? { branch: "main", new_branch: branch } : { branch }),
        ...(file.status === 200 && { sha: file.body.sha }),
      }, as);
      return commit.sha;
    },
    async pull(repository, branch, title, as = admin) {
      return (await call("POST", `/repos/${repository}/pulls`, { head: branch, base: "main", title }, as)).number;
    },
    async allow(repository, user, permission) {
      await call("PUT", `/repos/${repository}/collaborators/${user.name}`, { permission });
    },
    async webhook(repository, url, events) {
      const config = { url, content_type: "json" };
      await call("POST", `/repos/${repository}/hooks`, { type: "gitea", active: true, events, config });
    },
    async startSchedules() {
      const database = new Database(databasePath(folder));
      database.run("PRAGMA busy_timeout = 5000");
      database.run("UPDATE action_schedule_spec SET next = 1");
      database.close();
      await call("POST", "/admin/cron/start_schedule_tasks");
    },
    remote: (repository, as = admin) => `http://${as.name}:${as.token}@${host}/${repository}.git`,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function answers(url: string, ended: Promise<unknown>, log: () => string): Promise<void> {
  let hasEnded = false;
  ended.finally(() => hasEnded = true).catch(() => {});
  while (!hasEnded) {
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // The server does not listen yet.
    }
    await Bun.sleep(100);
  }
  throw new Error(`gitea has ended: ${log().slice(-800)}`);
}

const databasePath = (folder: string) => join(folder, "gitea.db");

/**
 * Nothing leaves this machine, and webhooks can reach it. Gitea sends a webhook only once. On a loaded machine, it would lose one after its default
 * timeout of 5 s, or if the database is locked for its default of 0.5 s.
 */
function configText(folder: string, source: string, port: number, root: string): string {
  return `RUN_MODE = prod
WORK_PATH = ${folder}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${port}
ROOT_URL = ${root}
STATIC_ROOT_PATH = ${source}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = ${databasePath(folder)}
SQLITE_TIMEOUT = 20000
[security]
INSTALL_LOCK = true
SECRET_KEY = lab
PASSWORD_HASH_ALGO = pbkdf2_v1
[log]
MODE = console
LEVEL = warn
[webhook]
ALLOWED_HOST_LIST = loopback
DELIVER_TIMEOUT = 60
[indexer]
ISSUE_INDEXER_TYPE = db
[cron]
ENABLED = false
[repository]
DEFAULT_BRANCH = main
[service]
DISABLE_REGISTRATION = true
[picture]
DISABLE_GRAVATAR = true
[mailer]
ENABLED = false
`;
}
