/**
 * Names of attributes, in one place: those of the conventions may change with their next version.
 *
 * Source: OpenTelemetry, semantic conventions 1.44. `cicd.*`, `vcs.*` and `gen_ai.*` are in development there.
 *
 * @module
 */

/** Address of the schema that the names belong to. */
export const SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0";

/** Names of the conventions. */
export const SEMCONV = {
  taskName: "cicd.pipeline.task.name",
  taskRunId: "cicd.pipeline.task.run.id",
  taskRunUrl: "cicd.pipeline.task.run.url.full",
  taskResult: "cicd.pipeline.task.run.result",
  pipelineRunId: "cicd.pipeline.run.id",
  pipelineRunUrl: "cicd.pipeline.run.url.full",
  repositoryUrl: "vcs.repository.url.full",
  repositoryName: "vcs.repository.name",
  ownerName: "vcs.owner.name",
  headName: "vcs.ref.head.name",
  headType: "vcs.ref.head.type",
  baseName: "vcs.ref.base.name",
  baseType: "vcs.ref.base.type",
  changeId: "vcs.change.id",
  changeState: "vcs.change.state",
  operation: "gen_ai.operation.name",
  agentName: "gen_ai.agent.name",
  conversation: "gen_ai.conversation.id",
  provider: "gen_ai.provider.name",
  method: "http.request.method",
  resend: "http.request.resend_count",
  status: "http.response.status_code",
  server: "server.address",
  port: "server.port",
  url: "url.full",
  errorType: "error.type",
  serviceName: "service.name",
  serviceVersion: "service.version",
} as const;

/** Our own names. */
export const OWN = {
  kind: "mogplex.kind",
  outcome: "mogplex.outcome",
  exitCode: "mogplex.exit_code",
  replayed: "mogplex.replayed",
  requests: "mogplex.requests",
  polls: "mogplex.requests.polls",
  unshown: "mogplex.requests.unshown",
  eventsSeen: "mogplex.events.seen",
  eventsMissed: "mogplex.events.missed",
  changed: "mogplex.changed",
  files: "mogplex.files",
  phase: "mogplex.phase",
  open: "mogplex.open",
  runStatus: "mogplex.run.status",
  automation: "mogplex.automation.id",
  requestId: "mogplex.request.id",
  waitCause: "mogplex.wait.cause",
  waitMs: "mogplex.wait.duration_ms",
  waitAttempt: "mogplex.wait.attempt",
  campaignName: "mogplex.campaign.name",
  campaignRound: "mogplex.campaign.round",
  campaignState: "mogplex.campaign.state",
  campaignWave: "mogplex.campaign.wave",
  campaignItem: "mogplex.campaign.item",
  campaignVerdict: "mogplex.campaign.verdict",
  campaignStarts: "mogplex.campaign.starts",
  spansUnshown: "mogplex.spans.unshown",
} as const;
