import { key } from "../session";

/** What the service answered in place of a result, in its own words. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null,
    readonly retryAfter: number | null,
  ) {
    super(message);
  }
}

/** The answer of a request, and after how many seconds the service wants to be asked again. */
export interface Answer<T> {
  value: T;
  retryAfter: number | null;
}

/** @throws ApiError for every answer that is no success, and with status 0 if the server cannot be reached. */
export async function fetchOk(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { ...init.headers, Authorization: `Bearer ${key() ?? ""}` } });
  } catch (failure) {
    if (init.signal?.aborted) throw failure;
    throw new ApiError("The server cannot be reached. Check that it is running and that this computer is online.", 0, null, null);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  const error = body?.error;
  throw new ApiError(
    error?.message ?? `The server answered with status ${response.status}`,
    response.status,
    error?.code ?? null,
    retryAfterOf(response),
  );
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  const response = await fetchOk(path, signal ? { signal } : {});
  return { value: (await response.json()) as T, retryAfter: retryAfterOf(response) };
}

export async function send<T>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  const json = body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return (await (await fetchOk(path, { method, ...json })).json()) as T;
}

export async function upload<T>(file: File, purpose: string): Promise<T> {
  const form = new FormData();
  form.append("purpose", purpose);
  form.append("file", file, file.name);
  return (await (await fetchOk("/v1/files", { method: "POST", body: form })).json()) as T;
}

/** Saves a file of the service on this computer. */
export async function download(path: string, name: string): Promise<void> {
  const url = URL.createObjectURL(await (await fetchOk(path)).blob());
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The objects of an answer in JSON Lines, as they arrive. */
export async function* jsonLines<T>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
  const response = await fetchOk(path, signal ? { signal } : {});
  for await (const line of textLines(response)) if (line.trim()) yield JSON.parse(line) as T;
}

/** The data of an answer in server-sent events, without the closing `[DONE]`. */
export async function* events<T>(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<T> {
  const response = await fetchOk(path, {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  for await (const line of textLines(response)) {
    if (line.startsWith("data: ") && line !== "data: [DONE]") yield JSON.parse(line.slice("data: ".length)) as T;
  }
}

async function* textLines(response: Response): AsyncGenerator<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const lines = (rest + chunk.value).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest) yield rest;
}

function retryAfterOf(response: Response): number | null {
  const seconds = Number(response.headers.get("Retry-After"));
  return seconds > 0 ? seconds : null;
}
