import { useEffect, useState } from "preact/hooks";
import { jsonLines } from "../api/client";
import { path } from "../api/path";
import type { Batch, InfillAnswer, LineResult } from "../api/wire";
import { count, words } from "../format";
import { Fills } from "../fill/Fills";
import { Empty, Failure } from "../ui/Loading";
import { State } from "../ui/State";

const pageSize = 25;

/** The lines of a batch: each request beside its answer, a page at a time, and the errors by their code. */
export function BatchLines({ batch, isEnded }: { batch: Batch; isEnded: boolean }) {
  const [status, setStatus] = useState("");
  const [search, setSearch] = useState("");
  const [after, setAfter] = useState<number[]>([]);
  const filter = (change: () => void) => {
    change();
    setAfter([]);
  };
  const counted = `${batch.request_counts.completed}/${batch.request_counts.failed}/${isEnded}`;
  const { lines, error } = useLines(
    path(`/v1/batches/${batch.id}/results`, { status, search, limit: pageSize + 1, after: after.at(-1) }),
    counted,
  );
  const shown = lines?.slice(0, pageSize);
  return (
    <section aria-label="Lines">
      <h2>Lines</h2>
      <ErrorCounts
        counts={batch.error_counts ?? {}}
        choose={(code) =>
          filter(() => {
            setStatus("failed");
            setSearch(code);
          })
        }
      />
      <p class="filter">
        <label>
          State{" "}
          <select
            value={status}
            onChange={(event) => {
              const { value } = event.currentTarget;
              filter(() => setStatus(value));
            }}
          >
            <option value="">all</option>
            {["completed", "failed", "pending"].map((state) => (
              <option value={state}>{state}</option>
            ))}
          </select>
        </label>{" "}
        <label>
          Search{" "}
          <input
            type="search"
            value={search}
            onChange={(event) => {
              const { value } = event.currentTarget;
              filter(() => setSearch(value));
            }}
          />
        </label>
      </p>
      {error && <Failure error={error} />}
      {shown?.length === 0 && (
        <Empty>
          <p>{status || search ? "No line matches." : "The lines appear once the input has been checked."}</p>
        </Empty>
      )}
      {shown?.map((line) => (
        <Line key={line.line} line={line} />
      ))}
      {(after.length > 0 || (lines?.length ?? 0) > pageSize) && (
        <nav class="pages" aria-label="Pages of lines">
          <button type="button" disabled={after.length === 0} onClick={() => setAfter(after.slice(0, -1))}>
            Earlier
          </button>
          <button type="button" disabled={(lines?.length ?? 0) <= pageSize} onClick={() => setAfter([...after, shown!.at(-1)!.line])}>
            Later
          </button>
        </nav>
      )}
    </section>
  );
}

function ErrorCounts({ counts, choose }: { counts: Record<string, number>; choose: (code: string) => void }) {
  const codes = Object.entries(counts);
  return codes.length === 0 ? null : (
    <p>
      Errors:{" "}
      {codes.map(([code, number]) => (
        <button type="button" class="chip" onClick={() => choose(code)}>
          {words(code)}: {count(number)}
        </button>
      ))}
    </p>
  );
}

function Line({ line }: { line: LineResult }) {
  return (
    <article class="line">
      <h3>
        {line.line}. <code>{line.custom_id}</code> <State of={line.status} />
      </h3>
      {line.error && <p class="failure">{line.error.message}</p>}
      <Answer line={line} />
      <details>
        <summary>As JSON</summary>
        <pre tabIndex={0}>{JSON.stringify(line, null, 2)}</pre>
      </details>
    </article>
  );
}

/** The answer in the form of its endpoint; what no form fits is left to the JSON. */
function Answer({ line }: { line: LineResult }) {
  const body = line.response?.body as
    (Partial<InfillAnswer> & { choices?: { text?: string; message?: { content: string } }[]; error?: { message: string } }) | undefined;
  if (!body) return null;
  if (body.error) return <p class="failure">{body.error.message}</p>;
  if (body.spans && body.text !== undefined) {
    return <Fills text={String(line.input?.["text"] ?? body.text)} answer={body as InfillAnswer} />;
  }
  return (
    <>
      {body.choices?.map((choice) => (
        <p class="text">{choice.text ?? choice.message?.content}</p>
      ))}
    </>
  );
}

/** @param changed asks again when it changes, since then more lines are finished. */
function useLines(address: string, changed: string) {
  const [state, setState] = useState<{ lines: LineResult[] | null; error: Error | null }>({ lines: null, error: null });
  useEffect(() => {
    const abort = new AbortController();
    void (async () => {
      try {
        const lines: LineResult[] = [];
        for await (const line of jsonLines<LineResult>(address, abort.signal)) lines.push(line);
        setState({ lines, error: null });
      } catch (failure) {
        if (!abort.signal.aborted) setState((before) => ({ ...before, error: failure as Error }));
      }
    })();
    return () => abort.abort();
  }, [address, changed]);
  return state;
}
