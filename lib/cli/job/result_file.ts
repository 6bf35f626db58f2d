import { UsageError } from "../../errors.ts";
import { type FilesNeeds, filesNeeds, openRepositoryFiles } from "../../forge/files.ts";
import type { JobOptions, OpenFiles } from "../../run/options.ts";
import type { Session } from "../../run/session.ts";
import { readState, stateSeal } from "../../run/state.ts";
import { readSchemaFile } from "../../result/schema_file.ts";
import { checkResultRequest, type PlannedResult, type ResultRequest } from "../../result/wanted_result.ts";
import { type Origin, resolveOrigin } from "../../service/connection.ts";
import { givenName, originOf } from "../../service/repository.ts";
import { REPO, RESULT, RESULT_RETRIES, SCHEMA } from "../options.ts";
import { readCheckoutFile } from "../start_request.ts";
import type { Context } from "../verb.ts";
import { openOptions } from "./open_forge.ts";

export function readResultRequest(context: Context): ResultRequest | undefined {
  const { option } = context;
  const [path, file, retries] = [option(RESULT), option(SCHEMA), option(RESULT_RETRIES)];
  if (path === undefined && file === undefined && retries === undefined) return undefined;
  if (path === undefined || file === undefined) {
    const [given, missing] = path !== undefined
      ? [RESULT, SCHEMA]
      : [file !== undefined ? SCHEMA : RESULT_RETRIES, RESULT];
    throw new UsageError({
      attempted: `use --${given.name}`,
      why: `it needs --${missing.name}`,
      advice: "see docs/results.md in the toolkit",
    });
  }
  const schema = readSchemaFile(readCheckoutFile(context, file, "read the schema of the result"), file);
  const request = { path, schema, retries };
  checkResultRequest(request);
  return request;
}

/**
 * A state file that names a result file must have been written with this token. Otherwise, the job would succeed without the check of the result
 * file.
 * @param state Path of the state file, which another job may have passed on.
 */
export function resultOfRun(
  context: Context,
  { token, clock }: Session,
  { runId, state, request }: { runId: string; state: string; request: ResultRequest | undefined },
): PlannedResult | undefined {
  const resultRequest = request && checkResultRequest(request);
  if (resultRequest !== undefined && !resultRequest.path.includes("{id}")) return resultRequest;
  const stored = token === undefined
    ? undefined
    : storedResult(context, { runId, state, token, nowMs: clock.wallTime() });
  if (resultRequest === undefined) return stored;
  if (stored !== undefined) return { ...resultRequest, path: stored.path };
  throw new UsageError({
    attempted: `use --${RESULT.name}`,
    why: "only the state file of the job that started the run shows what {id} stands for",
    value: JSON.stringify(resultRequest.path),
    advice: "use the actual path",
  });
}

function storedResult(
  { io }: Context,
  { runId, state, token, nowMs }: { runId: string; state: string; token: string; nowMs: number },
): PlannedResult | undefined {
  const options = { job: null, execution: false, anyJob: true, tellsOfOthers: false, nowMs, notify() {} };
  const file = readState(io, state, options);
  if (file?.claims.runId !== runId || file.claims.result === null) return undefined;
  const result = file.proven(stateSeal(token))?.result ?? null;
  if (result === null) {
    throw new UsageError({
      attempted: "check the result file",
      why: "the state file was not written by a job with this token, or was changed later",
      value: JSON.stringify(state),
      advice: `use the token that started the run, or give --${RESULT.name} and --${SCHEMA.name}`,
    });
  }
  const { path, schema } = result;
  return checkResultRequest({ path, schema: JSON.parse(schema) });
}

export function resultOptions(context: Context, session: Session): Pick<
  JobOptions<never, never>,
  "openFiles" | "repositoryOrigin" | "redactFile"
> {
  const open: OpenFiles = async (wanted) => {
    const options = openOptions(context);
    const service = serviceOf(context.connection());
    return await openRepositoryFiles(
      { ...options, world: { ...options.world, signal: session.signal }, service },
      wanted,
    );
  };
  // The writer knows more secrets than the session: the tokens of forges and the values of headers.
  const redactFile = (text: string) => context.writer.redact(text);
  return { openFiles: open, repositoryOrigin: originOf(context.option(REPO)), redactFile };
}

const serviceOf = ({ origin, custom }: Pick<Origin, "origin" | "custom">) => custom ? origin : undefined;

export function resultNeeds(context: Context): FilesNeeds {
  const { io: { env }, option } = context;
  const repo = option(REPO);
  return filesNeeds({ ...openOptions(context), service: serviceOf(resolveOrigin({ env })) }, {
    name: givenName(repo) ?? "",
    origin: originOf(repo),
  });
}
