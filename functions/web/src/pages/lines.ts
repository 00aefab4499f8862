/** What a file of requests holds, as far as it can be told before it is sent. */
export interface LinesCheck {
  lines: number;
  endpoint: string | null;
  faults: string[];
}

const endpoints = ["/v1/infill", "/v1/completions", "/v1/chat/completions", "/v1/score"];
const mostFaults = 5;

/** Reads a file line by line, so that its size does not matter. The service checks more: models, parameters and limits. */
export async function checkLines(file: Blob): Promise<LinesCheck> {
  const check: LinesCheck = { lines: 0, endpoint: null, faults: [] };
  const ids = new Set<string>();
  let number = 0;
  for await (const line of linesOf(file)) {
    number++;
    if (!line.trim()) continue;
    check.lines++;
    const fault = faultOf(line, check, ids);
    if (fault) check.faults.push(`Line ${number}: ${fault}`);
    if (check.faults.length === mostFaults) break;
  }
  if (check.lines === 0) check.faults.push("The file has no lines");
  return check;
}

function faultOf(text: string, check: LinesCheck, ids: Set<string>): string | null {
  let line: { custom_id?: unknown; url?: unknown; body?: { model?: unknown } };
  try {
    line = JSON.parse(text);
  } catch (failure) {
    return `it is not JSON (${(failure as Error).message})`;
  }
  if (typeof line !== "object" || line === null) return "it is not a JSON object";
  const { custom_id: id, url, body } = line;
  if (typeof id !== "string" || id === "") return "custom_id is missing";
  if (ids.has(id)) return `custom_id '${id}' stands on an earlier line too`;
  ids.add(id);
  if (typeof url !== "string" || !endpoints.includes(url)) return `url must be one of ${endpoints.join(", ")}`;
  if (check.endpoint !== null && check.endpoint !== url) return `url is '${url}', and that of the first line '${check.endpoint}'`;
  check.endpoint = url;
  return typeof body !== "object" || body === null || typeof body.model !== "string" ? "body.model is missing" : null;
}

async function* linesOf(file: Blob): AsyncGenerator<string> {
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const lines = (rest + chunk.value).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest) yield rest;
}
