import { expect, test } from "bun:test";
import { UnauthorizedError, UsageError } from "../../../lib/errors.ts";
import { type ConnectionOptions, resolveConnection } from "../../../lib/service/connection.ts";
import { TOKEN } from "./answers.ts";

function resolve(variables: Record<string, string>, more: Partial<ConnectionOptions> = {}) {
  return resolveConnection({ env: (name) => variables[name], ...more });
}
function refusal(variables: Record<string, string>, more?: Partial<ConnectionOptions>): Error {
  try {
    resolve(variables, more);
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected a refusal");
}

test("resolveConnection() takes token and origin from the environment, and trims the token", () => {
  expect(resolve({ MOGPLEX_API_KEY: ` ${TOKEN}\n` })).toEqual(
    {
      token: TOKEN,
      tokenPlace: "variable MOGPLEX_API_KEY",
      origin: "https://mogplex.com",
      host: "mogplex.com",
      custom: false,
      plain: false,
      notices: [],
    },
  );
});

test("resolveConnection() announces a token that is too short to be masked", () => {
  expect(resolve({ MOGPLEX_API_KEY: "abc" }).notices).toEqual([
    "the token in variable MOGPLEX_API_KEY is not masked in the output, because it has fewer than 4 characters",
  ]);
  expect(resolve({ MOGPLEX_API_KEY: "abcd" }).notices).toEqual([]);
});

test("resolveConnection() announces another origin, and plain HTTP", () => {
  expect(resolve({ MOGPLEX_API_KEY: TOKEN, MOGPLEX_URL: "https://mogplex.example" }).notices).toEqual(
    ["sending requests and the token to https://mogplex.example"],
  );
  expect(resolve({ MOGPLEX_API_KEY: TOKEN, MOGPLEX_URL: "http://localhost:4000", MOGPLEX_DEV: "1" }).notices).toEqual(
    ["sending requests and the token to http://localhost:4000, unencrypted"],
  );
});

test("resolveConnection() treats an empty variable as unset, except the token's", () => {
  const empty = {
    MOGPLEX_URL: "",
    MOGPLEX_DEV: "",
    MOGPLEX_DEV_HOST: "",
    MOGPLEX_API_KEY_FILE: "",
    MOGPLEX_TOKEN_VARIABLE: " ",
  };
  expect(resolve({ ...empty, MOGPLEX_API_KEY: TOKEN }).origin).toBe("https://mogplex.com");
  const error = refusal({ ...empty, MOGPLEX_API_KEY: "", CI: "true" });
  expect(error).toBeInstanceOf(UnauthorizedError);
  expect(error.message).toBe(
    "Cannot read token: variable MOGPLEX_API_KEY is empty; store the token in the secrets of the CI system (many systems give no " +
      "secrets to pull requests from forks)",
  );
});

test("resolveConnection() names the page of the CI system on which a missing token is stored", () => {
  const messages = ["GITHUB_ACTIONS", "FORGEJO_ACTIONS", "GITEA_ACTIONS", "GITLAB_CI"].flatMap((mark) =>
    [{ [mark]: "true", MOGPLEX_API_KEY: "" }, { [mark]: "true" }].map((env) => refusal(env).message)
  );
  const both = (advice: string) =>
    ["empty", "not set"].map((how) =>
      `Cannot read token: variable MOGPLEX_API_KEY is ${how}; store the token in Settings > ${advice}`
    );
  const noSecrets = "(pull requests from forks get no secrets)";
  expect(messages).toEqual([
    ...both(`Secrets and variables > Actions ${noSecrets}`),
    ...both(`Actions > Secrets ${noSecrets}`),
    ...both(`Actions > Secrets ${noSecrets}`),
    ...both(
      "CI/CD > Variables (protected variables are absent on unprotected refs, and merge requests from forks get no variables)",
    ),
  ]);
});

test("resolveConnection() knows a variable of type File by its path, and says what to call it", () => {
  const why = "is of type File, so its value is the path of a file";
  const advice = "rename it to MOGPLEX_API_KEY_FILE, or change its type to Variable";
  for (const name of ["MOGPLEX_API_KEY", "OTHER_TOKEN"]) {
    for (
      const path of [
        "/builds/acme/web.tmp/",
        "/srv/gitlab-runner/builds/t1_x/0/acme/web.tmp/",
        "C:\\GitLab\\web.tmp\\",
      ]
    ) {
      const error = refusal({ MOGPLEX_TOKEN_VARIABLE: name, [name]: path + name });
      expect(error).toBeInstanceOf(UnauthorizedError);
      expect(error.message).toBe(`Cannot read token: variable ${name} ${why}; ${advice}`);
    }
  }
  const url = refusal({ MOGPLEX_API_KEY: TOKEN, MOGPLEX_URL: "/builds/acme/web.tmp/MOGPLEX_URL" });
  expect(url).toBeInstanceOf(UsageError);
  expect(url.message).toBe(`Cannot use MOGPLEX_URL: this variable ${why}; change its type to Variable`);
  // Other paths are texts like any other.
  expect(refusal({ MOGPLEX_API_KEY: "/builds/acme/web.tmp/OTHER\n/x" }).message).not.toContain("type File");
});

test("resolveConnection() names the variable that is not set", () => {
  expect(refusal({ GITLAB_CI: "true" })).toMatchObject({
    attempted: "read token",
    why: "variable MOGPLEX_API_KEY is not set",
    value: null,
    advice: expect.stringMatching(/^store the token in Settings > CI\/CD > Variables \(protected variables /),
  });
  expect(refusal({ MOGPLEX_TOKEN_VARIABLE: "TEAM_KEY" }).message).toContain("variable TEAM_KEY is not set");
});

test("resolveConnection() does not call a variable unset that Deno is not allowed to read", () => {
  expect(refusal({}, { refuses: (name) => name === "MOGPLEX_API_KEY" }).message).toBe(
    "Cannot read token: Deno is not allowed to read variable MOGPLEX_API_KEY; add --allow-env after deno run",
  );
});

test("resolveConnection() says how to set the token outside CI, and nothing of what may be the cause in CI", () => {
  for (const [env, state] of [[{}, "not set"], [{ MOGPLEX_API_KEY: " " }, "empty"]] as const) {
    expect(refusal(env).message).toBe(
      `Cannot read token: variable MOGPLEX_API_KEY is ${state}; create a token under Settings > Mogplex Keys and set it: ` +
        "export MOGPLEX_API_KEY=…",
    );
  }
});

test("resolveConnection() reads the variable of MOGPLEX_TOKEN_VARIABLE, and refuses what is not a name without showing it", () => {
  expect(resolve({ MOGPLEX_TOKEN_VARIABLE: "TEAM_KEY", TEAM_KEY: TOKEN, MOGPLEX_API_KEY: "mog_other" }).token).toBe(
    TOKEN,
  );
  const error = refusal({ MOGPLEX_TOKEN_VARIABLE: `${TOKEN}-` });
  expect(error).toBeInstanceOf(UsageError);
  expect(error.message).not.toContain(TOKEN);
});

test("resolveConnection() reads the token from a file", () => {
  const readFile = (path: string) => path === "/run/token" ? `${TOKEN}\n` : undefined;
  expect(resolve({ MOGPLEX_API_KEY_FILE: "/run/token" }, { readFile }).token).toBe(TOKEN);
  expect(resolve({ MOGPLEX_API_KEY_FILE: "/run/token", MOGPLEX_API_KEY: "" }, { readFile }).token).toBe(TOKEN);
  expect(refusal({ MOGPLEX_API_KEY_FILE: "/run/token" }, { readFile: () => " " }).message).toContain("is empty");
  const missing = refusal({ MOGPLEX_API_KEY_FILE: "/no" }, { readFile });
  expect(missing).toBeInstanceOf(UsageError);
  expect(missing.message).toBe(
    'Cannot read token because the MOGPLEX_API_KEY_FILE file does not exist: "/no"; correct the path',
  );
  const broken = () => {
    throw new Error("EACCES");
  };
  expect(refusal({ MOGPLEX_API_KEY_FILE: "/no" }, { readFile: broken }).message).toContain("cannot be read");
});

test("resolveConnection() does not show the value of MOGPLEX_API_KEY_FILE when it might be the token", () => {
  const oauth = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";
  for (const token of [TOKEN, oauth]) {
    const broken = (path: string) => {
      throw new Error(`Requires read access to "${path}"`);
    };
    for (const readFile of [() => undefined, broken]) {
      const error = refusal({ MOGPLEX_API_KEY_FILE: token, MOGPLEX_TOKEN_VARIABLE: "TEAM_KEY" }, { readFile });
      expect(error).toBeInstanceOf(UsageError);
      expect(error.cause).toBeUndefined();
      expect(error.message).toBe(
        "Cannot read token: the value of MOGPLEX_API_KEY_FILE is not a path; " +
          "if it is the token, rename the variable to TEAM_KEY, or change its type to File (on GitLab)",
      );
    }
  }
  const readFile = (path: string) => path === "the-token-of-production.txt" ? TOKEN : undefined;
  expect(resolve({ MOGPLEX_API_KEY_FILE: "the-token-of-production.txt" }, { readFile }).token).toBe(TOKEN);
});

test("resolveConnection() refuses a variable and a file at once", () => {
  const error = refusal({ MOGPLEX_API_KEY_FILE: "/run/token", MOGPLEX_API_KEY: TOKEN });
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({
    message: "Cannot read token: MOGPLEX_API_KEY and MOGPLEX_API_KEY_FILE are both set; unset one of them",
    advice: "unset one of them",
  });
});

test("resolveConnection() prefers options to the environment", () => {
  const connection = resolve({ MOGPLEX_API_KEY: "mog_other", MOGPLEX_URL: "https://other.example" }, {
    token: TOKEN,
    url: "https://this.example",
  });
  expect([connection.token, connection.origin]).toEqual([TOKEN, "https://this.example"]);
  expect(refusal({ MOGPLEX_API_KEY: TOKEN }, { token: "" })).toBeInstanceOf(UnauthorizedError);
});

test("resolveConnection() permits plain HTTP to the host of MOGPLEX_DEV_HOST", () => {
  const variables = {
    MOGPLEX_API_KEY: TOKEN,
    MOGPLEX_URL: "http://emulator:4000",
    MOGPLEX_DEV: "1",
    MOGPLEX_DEV_HOST: "emulator",
  };
  expect(resolve(variables)).toMatchObject({ origin: "http://emulator:4000", plain: true });
  expect(refusal({ ...variables, MOGPLEX_DEV: "true" })).toBeInstanceOf(UsageError);
  expect(refusal({ ...variables, NODE_ENV: "production" })).toBeInstanceOf(UsageError);
});

test("resolveConnection() reads only the documented variables for drop-in verbs", () => {
  const read = new Set<string>();
  const env = (name: string) => {
    read.add(name);
    return { MOGPLEX_API_KEY: TOKEN, MOGPLEX_TOKEN_VARIABLE: "TEAM_KEY", MOGPLEX_API_KEY_FILE: "/run/token" }[name];
  };
  expect(resolveConnection({ env, dropIn: true }).token).toBe(TOKEN);
  expect([...read].sort()).toEqual(["MOGPLEX_API_KEY", "MOGPLEX_DEV", "MOGPLEX_URL", "NODE_ENV"]);
});

test("resolveConnection() accepts tokens of any length, and those of OAuth", () => {
  for (const token of ["mog_a", TOKEN, `mog_${"x".repeat(200)}`, "oauth-alice-read-write-0001", "a.b_c~d+e/f=="]) {
    expect(resolve({ MOGPLEX_API_KEY: token }).token).toBe(token);
  }
});

test("resolveConnection() names the mistake in any other token, and never shows it", () => {
  const cases: [string, string][] = [
    ["", "is empty"],
    ["\n", "is empty"],
    ["$MOGPLEX_API_KEY", "was not expanded"],
    ["${MOGPLEX_API_KEY}", "was not expanded"],
    ["%MOGPLEX_API_KEY%", "was not expanded"],
    ["Bearer secret99", `the word "Bearer"`],
    [`"secret99"`, "quotation marks"],
    ["mog_", "not allowed in a token"],
    ["mog_secret99-x", "not allowed in a token"],
    ["mog_secret99\nmog_other", "not allowed in a token"],
    ["secret99 x", "not allowed in a token"],
    ["secret99é", "not allowed in a token"],
  ];
  for (const [text, message] of cases) {
    const error = refusal({ MOGPLEX_API_KEY: text });
    expect(error).toBeInstanceOf(UnauthorizedError);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain("secret99");
  }
});
