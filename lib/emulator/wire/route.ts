import type { Context } from "hono";
import type { Success } from "../../service/contract.ts";
import { authenticate, type Failure, refuse, type Reply, respond, searchParams } from "./request.ts";
import type { Caller, Scope } from "../service/caller.ts";
import type { World } from "../state/world.ts";

interface RouteOptions<Status extends 200 | 202> {
  scope?: Scope | undefined;
  failed: string;
  status?: Status | undefined;
}

export interface Call {
  world: World;
  caller: Caller;
  request: Request;
  query: URLSearchParams;
  param(name: string): string;
}

type Result<T, Status extends 200 | 202> = T | Reply<Success<T>, Status> | Failure;

type Handler<T, Status extends 200 | 202 = 200> = (world: World, c: Context) => Promise<Answer<T, Status>>;

type Answer<T, Status extends 200 | 202 = 200> = Reply<Success<T>, Status> | Failure;

export function route<T, Status extends 200 | 202 = 200>(
  { scope, failed, status }: RouteOptions<Status>,
  work: (call: Call) => Result<T, Status> | Promise<Result<T, Status>>,
): Handler<T, Status> {
  return async (world, c) => {
    const request = c.req.raw;
    const auth = authenticate(world, request, scope);
    if (!auth.ok) return auth.reply;
    const { caller } = auth;
    try {
      const call = {
        world,
        caller,
        request,
        query: searchParams(request),
        param: (name: string) => c.req.param(name) ?? "",
      };
      const result = await work(call);
      if (result instanceof Response) return result as Answer<T, Status>;
      return respond(result as T, (status ?? 200) as Status);
    } catch (error) {
      return refuse(error, failed);
    }
  };
}
