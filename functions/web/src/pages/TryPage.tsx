import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { usePolled } from "../api/polling";
import type { Model, Page } from "../api/wire";
import { Fills } from "../fill/Fills";
import { Replay } from "../fill/Replay";
import { pieces } from "../fill/gaps";
import { streamed, type Frame, type Streamed } from "../fill/stream";
import type { Segment } from "../fill/trace";
import { Copy, curl } from "../ui/Copy";
import { Empty, Failure, Loading } from "../ui/Loading";
import { ParameterFields } from "./ParameterFields";
import { chosen, type Mode } from "./parameters";

const example = "And the whole earth was of one [MASK:1], and of one speech. And it came to pass, as they journeyed from the [MASK:1], "
  + "that they found a [MASK:1] in the land.";

interface Answer {
  request: Record<string, unknown>;
  streamed: Streamed;
}

/** A single request, answered at once. */
export function TryPage({ model: preset }: { model: string | undefined }) {
  const models = usePolled<Page<Model>>("/v1/models", null);
  const [model, setModel] = useState(preset ?? "");
  const [mode, setMode] = useState<Mode>("infill");
  const [texts, setTexts] = useState({ infill: example, chat: "" });
  const [values, setValues] = useState<Record<string, string>>({});
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [live, setLive] = useState<Frame | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  useEffect(() => setModel((now) => preset ?? now), [preset]);

  const path = mode === "infill" ? "/v1/infill" : "/v1/chat/completions";
  const name = model || models.value?.data[0]?.id;
  const request = {
    model: name, ...chosen(values, mode), trace: true,
    ...(mode === "infill" ? { text: texts.infill } : { messages: [{ role: "user", content: texts.chat }] }),
  };
  const ask = async () => {
    abort.current = new AbortController();
    setBusy(true);
    setError(null);
    setLive(null);
    try {
      setAnswer({ request, streamed: await streamed(path, request, abort.current.signal, setLive) });
    } catch (failure) {
      setError(failure as Error);
    }
    setBusy(false);
    setLive(null);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !isBusy) void ask();
  };

  return <>
    <h1>Try it</h1>
    <Loading of={models}>{({ data }) => data.length === 0
      ? <Empty><p>No model is there yet. An operator adds one with <code>llada admin models add</code>.</p></Empty>
      : <form onSubmit={(event) => { event.preventDefault(); void ask(); }} onKeyDown={keys}>
        <fieldset class="choice">
          <legend class="hidden">Kind of request</legend>
          {([["infill", "Fill gaps"], ["chat", "Chat"]] as [Mode, string][]).map(([id, label]) => <label>
            <input type="radio" name="mode" checked={mode === id} onChange={() => { setMode(id); setAnswer(null); setError(null); }} /> {label}
          </label>)}
        </fieldset>
        <p><label>Model{" "}
          <select value={name} onChange={(event) => setModel(event.currentTarget.value)}>
            {[...new Set([...data.map(({ id }) => id), ...(model ? [model] : [])])].map((id) => <option value={id}>{id}</option>)}
          </select>
        </label></p>
        <label for="text">{mode === "infill" ? "Text with gaps: [MASK] of any length, [MASK:3] of three tokens" : "Your message"}</label>
        <textarea id="text" rows={5} required value={texts[mode]}
          onInput={(event) => setTexts({ ...texts, [mode]: event.currentTarget.value })} />
        <ParameterFields mode={mode} values={values} change={setValues} />
        <p class="actions">
          <button type="submit" class="main" disabled={isBusy} aria-busy={isBusy}>{mode === "infill" ? "Fill" : "Send"}</button>
          <span class="quiet">Ctrl+Enter</span>
          <Copy label="Copy as curl" text={curl("POST", path, request)} />
        </p>
      </form>}
    </Loading>
    {error && <Failure error={error} />}
    {isBusy && <Live frame={live} />}
    {!isBusy && answer && <Shown answer={answer} />}
  </>;
}

function Live({ frame }: { frame: Frame | null }) {
  return <section aria-label="In work" aria-busy="true">
    <p role="status" class="quiet">{frame ? `Block ${frame.block + 1}, step ${frame.step}, ${frame.masks_left} masks left` : "A worker is on it…"}</p>
    {frame && <p class="text">{frame.text}</p>}
  </section>;
}

function Shown({ answer: { request, streamed: { text, infill, trace } } }: { answer: Answer }) {
  const segments = useMemo(() => segmentsOf(request, infill, trace), [request]);
  return <section aria-label="Answer" aria-live="polite">
    <h2>Answer</h2>
    {infill
      ? <Fills text={String(request["text"])} answer={infill} />
      : <p class="text">{text || <span class="quiet">The model answered with no text.</span>}</p>}
    {segments && <><h2>How it came about</h2><Replay segments={segments} /></>}
  </section>;
}

/** The answer as a replay needs it; null without a trace. */
function segmentsOf(request: Record<string, unknown>, infill: Streamed["infill"], trace: Streamed["trace"]): Segment[] | null {
  if (!infill) return trace && trace.tokens.length > 0 ? [trace] : null;
  return infill.spans.some((span) => span.trace)
    ? pieces(String(request["text"]), infill.text, infill.spans).map((piece) => piece.span?.trace ?? piece.text)
    : null;
}
