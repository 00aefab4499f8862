import { useEffect, useRef, useState } from "preact/hooks";
import { usePolled } from "../api/polling";
import type { Model, Page } from "../api/wire";
import { AnswerView } from "../fill/AnswerView";
import { cut } from "../fill/gaps";
import { ruled, type GapRule } from "../fill/rules";
import { streamed, type Frame, type Streamed } from "../fill/stream";
import { Copy, curl } from "../ui/Copy";
import { Empty, Failure, Loading } from "../ui/Loading";
import { GapFields } from "./GapFields";
import { ParameterFields } from "./ParameterFields";
import { chosen, type Mode } from "./parameters";

const example =
  "And the whole earth was of one [MASK:1], and of one speech. And it came to pass, as they journeyed from the [MASK:1], " +
  "that they found a [MASK:1] in the land.";

interface Answer {
  /** That was sent. */
  text: string;
  streamed: Streamed;
}

/** A single request, answered at once. */
export function TryPage({ model: preset }: { model: string | undefined }) {
  const models = usePolled<Page<Model>>("/v1/models", null);
  const [model, setModel] = useState(preset ?? "");
  const [mode, setMode] = useState<Mode>("infill");
  const [texts, setTexts] = useState({ infill: example, chat: "" });
  const [values, setValues] = useState<Record<string, string>>({});
  const [rules, setRules] = useState<Record<number, GapRule>>({});
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [live, setLive] = useState<Record<number, Frame>>({});
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  useEffect(() => setModel((now) => preset ?? now), [preset]);

  const path = mode === "infill" ? "/v1/infill" : "/v1/chat/completions";
  const name = model || models.value?.data[0]?.id;
  const gaps = cut(texts.infill).gaps;
  const request = {
    model: name,
    ...chosen(values, mode),
    trace: true,
    ...(mode === "infill" ? { text: texts.infill, ...ruled(rules, gaps.length) } : { messages: [{ role: "user", content: texts.chat }] }),
  };
  const ask = async () => {
    abort.current = new AbortController();
    setBusy(true);
    setError(null);
    setLive({});
    try {
      const show = (frame: Frame, index: number) => setLive((now) => ({ ...now, [index]: frame }));
      setAnswer({ text: texts[mode], streamed: await streamed(path, request, abort.current.signal, show) });
    } catch (failure) {
      setError(failure as Error);
    }
    setBusy(false);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !isBusy) void ask();
  };

  return (
    <>
      <h1>Try it</h1>
      <Loading of={models}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty>
              <p>
                No model is there yet. An operator adds one with <code>llada admin models add</code>.
              </p>
            </Empty>
          ) : (
            <form
              onSubmit={(event) => {
                event.preventDefault();
                void ask();
              }}
              onKeyDown={keys}
            >
              <fieldset class="choice">
                <legend class="hidden">Kind of request</legend>
                {(
                  [
                    ["infill", "Fill gaps"],
                    ["chat", "Chat"],
                  ] as [Mode, string][]
                ).map(([id, label]) => (
                  <label>
                    <input
                      type="radio"
                      name="mode"
                      checked={mode === id}
                      onChange={() => {
                        setMode(id);
                        setAnswer(null);
                        setError(null);
                      }}
                    />{" "}
                    {label}
                  </label>
                ))}
              </fieldset>
              <p>
                <label>
                  Model{" "}
                  <select value={name} onChange={(event) => setModel(event.currentTarget.value)}>
                    {[...new Set([...data.map(({ id }) => id), ...(model ? [model] : [])])].map((id) => (
                      <option value={id}>{id}</option>
                    ))}
                  </select>
                </label>
              </p>
              <label for="text">
                {mode === "infill" ? "Text with gaps: [MASK] of any length, [MASK:3] of three tokens" : "Your message"}
              </label>
              <textarea
                id="text"
                rows={5}
                required
                value={texts[mode]}
                onInput={(event) => setTexts({ ...texts, [mode]: event.currentTarget.value })}
              />
              {mode === "infill" && gaps.length > 0 && <GapFields gaps={gaps} rules={rules} change={setRules} />}
              <ParameterFields mode={mode} values={values} change={setValues} />
              <p class="actions">
                <button type="submit" class="main" disabled={isBusy} aria-busy={isBusy}>
                  {mode === "infill" ? "Fill" : "Send"}
                </button>
                <span class="quiet">Ctrl+Enter</span>
                <Copy label="Copy as curl" text={curl("POST", path, request)} />
              </p>
            </form>
          )
        }
      </Loading>
      {error && <Failure error={error} />}
      {isBusy && <Live frames={Object.values(live)} />}
      {!isBusy && answer && <AnswerView {...answer} />}
    </>
  );
}

/** @param frames the last one of each text that is being written. */
function Live({ frames }: { frames: Frame[] }) {
  return (
    <section aria-label="In work" aria-busy="true">
      {frames.length === 0 && (
        <p role="status" class="quiet">
          A worker is on it…
        </p>
      )}
      {frames.map((frame) => (
        <>
          <p role="status" class="quiet">
            Block {frame.block + 1}, step {frame.step}, {frame.masks_left} masks left
          </p>
          <p class="text">{frame.text}</p>
        </>
      ))}
    </section>
  );
}
