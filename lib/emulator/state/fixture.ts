import * as z from "zod/mini";
import { UsageError } from "../../errors.ts";
import { valueOr } from "../../lookup.ts";

const nullable = <T extends z.core.$ZodType>(type: T) => z._default(z.nullable(type), null);

function isPattern(text: string): boolean {
  return valueOr(() => new RegExp(text, "u") !== undefined, false);
}

const userSchema = z.object({
  key: z.string(),
  id: z.guid(),
  providerKeys: z._default(z.array(z.string()), []),
  defaultModel: nullable(z.string()),
  hostedSandboxAccess: z._default(z.boolean(), true),
});
const tokenSchema = z.object({
  key: z.string(),
  user: z.string(),
  token: z.string().check(z.startsWith("mog_")),
  scopes: z.array(z.string()),
  expiresAt: nullable(z.string()),
  revokedAt: nullable(z.string()),
  automationsOnly: z._default(z.boolean(), false),
});
const oauthTokenSchema = z.object({
  key: z.string(),
  user: z.string(),
  token: z.string(),
  clientId: z.string(),
  scopes: z.string(),
  expiresAt: nullable(z.string()),
});
const repoSchema = z.object({
  key: z.string(),
  user: z.string(),
  id: z.guid(),
  full_name: z.string(),
  installation_id: nullable(z.number()),
  default_branch: nullable(z.string()),
  root_directory: nullable(z.string()),
  hidden: z._default(z.boolean(), false),
});
const sandboxSchema = z.object({
  key: z.string(),
  user: z.string(),
  repo: z.string(),
  id: z.guid(),
  sandbox_id: nullable(z.string()),
  status: z.string(),
  base_branch: z.string(),
  working_branch: z.string(),
  root_directory: nullable(z.string()),
  preview_url: nullable(z.string()),
  created_at: z.string(),
  last_active_at: nullable(z.string()),
  error: nullable(z.string()),
  install_log: nullable(z.string()),
  dev_log: nullable(z.string()),
});
const lifecycleSchema = z.object({
  id: z.guid(),
  sandbox: z.string(),
  user: z.string(),
  event_type: z.string(),
  decision_code: nullable(z.string()),
  worker_run_id: nullable(z.string()),
  payload: z._default(z.record(z.string(), z.unknown()), {}),
  created_at: z.string(),
});
const inputSchema = z.object({
  name: z.string(),
  type: z.enum(["string", "integer", "boolean", "json"]),
  required: z._default(z.boolean(), false),
  enum: nullable(z.array(z.unknown())),
  pattern: nullable(z.string().check(z.refine(isPattern, "it must be a regular expression"))),
  maxLength: nullable(z.number()),
});
const automationSchema = z.object({
  key: z.string(),
  user: z.string(),
  id: z.guid(),
  installationId: z.number(),
  name: z.string(),
  description: nullable(z.string()),
  notes: nullable(z.string()),
  status: z.enum(["active", "inactive"]),
  publishedVersion: nullable(z.object({ id: z.guid(), versionNumber: z.number() })),
  startEvent: z.string(),
  inputs: z._default(z.array(inputSchema), []),
  permittedRepos: nullable(z.array(z.string())),
  createdAt: z.string(),
  updatedAt: z.string(),
});
const agentSchema = z.object({
  user: z.string(),
  id: z.guid(),
  name: z.string(),
  slug: nullable(z.string()),
  model: z.string(),
  description: nullable(z.string()),
  category: nullable(z.string()),
  source_template: nullable(z.string()),
});
const modelSchema = z.object({
  id: z.string(),
  provider: z.string(),
  name: z.string(),
  context_length: nullable(z.number()),
  pricing_input: nullable(z.number()),
  pricing_output: nullable(z.number()),
  capabilities: nullable(z.array(z.string())),
  is_available: z._default(z.boolean(), true),
  is_hidden: z._default(z.boolean(), false),
});
const preferenceSchema = z.object({ user: z.string(), model_id: z.string(), is_enabled: z.boolean() });

const fixtureSchema = z.object({
  users: z.array(userSchema),
  tokens: z.array(tokenSchema),
  oauthTokens: z._default(z.array(oauthTokenSchema), []),
  repos: z._default(z.array(repoSchema), []),
  sandboxes: z._default(z.array(sandboxSchema), []),
  sandboxLifecycleEvents: z._default(z.array(lifecycleSchema), []),
  automations: z._default(z.array(automationSchema), []),
  agents: z._default(z.array(agentSchema), []),
  models: z._default(z.array(modelSchema), []),
  modelPreferences: z._default(z.array(preferenceSchema), []),
});

/** The fields `user`, `repo`, `sandbox` and `permittedRepos` contain keys of other records. */
export type Fixture = z.infer<typeof fixtureSchema>;
export type FixtureRepo = Fixture["repos"][number];

/** The small build of the schema library contains no messages. */
export function explainIssue(issue: z.core.$ZodIssue | undefined): string {
  switch (issue?.code) {
    case "unrecognized_keys":
      return "there is no such field";
    case "invalid_type":
      return `it must be ${/^[aeiou]/.test(issue.expected) ? "an" : "a"} ${issue.expected}`;
    case "invalid_value":
      return `it must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "too_small":
      return `it must be ${issue.minimum} or more`;
    case "too_big":
      return `it must be ${issue.maximum} or less`;
    case "invalid_format":
      if ("prefix" in issue) return `it must start with "${issue.prefix}"`;
      return `it must be a ${issue.format}`;
    default:
      return issue?.message ?? "it is invalid";
  }
}

export function parseFixture(value: unknown, name = "fixture"): Fixture {
  const result = z.safeParse(fixtureSchema, value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const place = issue?.path.map(String).join(".") ?? "";
    throw new UsageError({ attempted: `read ${name}`, why: `at "${place}", ${explainIssue(issue)}` });
  }
  const fixture = result.data;
  const users = new Set(fixture.users.map((user) => user.key));
  for (const [list, entries] of Object.entries(fixture)) {
    for (const [index, entry] of entries.entries()) {
      if (!("user" in entry) || users.has(entry.user)) continue;
      throw new UsageError({
        attempted: `read ${name}`,
        why: `at "${list}.${index}.user", no user has the key "${entry.user}"`,
        advice: `use one of ${[...users].join(", ")}`,
      });
    }
  }
  return fixture;
}

export function randomToken(): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return `mog_${Array.from(bytes, (byte) => letters[byte % letters.length]).join("")}`;
}

const PLAIN_INSTALLATION = 1;

export function plainRepo(fullName: string, defaultBranch: string, user: string): FixtureRepo {
  return {
    key: fullName,
    user,
    id: crypto.randomUUID(),
    full_name: fullName,
    installation_id: PLAIN_INSTALLATION,
    default_branch: defaultBranch,
    root_directory: null,
    hidden: false,
  };
}

/** A sub-project is a separate row with the same name and a root directory. */
export function withSubProject(fixture: Fixture): Fixture {
  const [first] = fixture.repos;
  if (first === undefined) return fixture;
  const root = "packages/ui";
  const row = { ...first, key: `${first.key}:${root}`, id: crypto.randomUUID(), root_directory: root };
  return { ...fixture, repos: [...fixture.repos, row] };
}

/** The automation with `index` 0 is the newest, so it comes first in lists. */
function plainAutomation(name: string, user: string, index: number): Fixture["automations"][number] {
  const createdAt = new Date(Date.UTC(2026, 7, 1) - index * 1_000).toISOString();
  return {
    key: name,
    user,
    id: crypto.randomUUID(),
    installationId: PLAIN_INSTALLATION,
    name,
    description: "Runs when it is triggered",
    notes: null,
    status: "active",
    publishedVersion: { id: crypto.randomUUID(), versionNumber: 1 },
    startEvent: "push",
    inputs: [],
    permittedRepos: null,
    createdAt,
    updatedAt: createdAt,
  };
}

export function builtInFixture(
  repos: readonly string[] = ["acme/web"],
  automations: readonly string[] = ["Nightly clean-up"],
): Fixture {
  const token = { user: "ci", expiresAt: null, revokedAt: null, automationsOnly: false };
  return parseFixture({
    users: [{ key: "ci", id: crypto.randomUUID(), providerKeys: ["ai_gateway"] }],
    tokens: [
      { ...token, key: "ci_rw", token: randomToken(), scopes: ["read", "write"] },
      { ...token, key: "ci_ro", token: randomToken(), scopes: ["read"] },
    ],
    repos: repos.map((name) => plainRepo(name, "main", "ci")),
    automations: automations.map((name, index) => plainAutomation(name, "ci", index)),
  });
}
