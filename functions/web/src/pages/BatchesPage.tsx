import { useState } from "preact/hooks";
import type { Batch } from "../api/wire";
import { ago, duration, now } from "../format";
import { href } from "../route";
import { Listed } from "../ui/Listed";
import { Progress } from "../ui/Progress";
import { State } from "../ui/State";
import { NewBatch } from "./NewBatch";

const states = ["validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"];

export function BatchesPage() {
  const [status, setStatus] = useState("");
  return (
    <>
      <h1>Batches</h1>
      <NewBatch />
      <label class="filter">
        State{" "}
        <select value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
          <option value="">all</option>
          {states.map((state) => (
            <option value={state}>{state.replace("_", " ")}</option>
          ))}
        </select>
      </label>
      <Listed<Batch>
        base="/v1/batches"
        query={{ status }}
        caption="Batches"
        seconds={5}
        empty={
          status ? (
            <p>No batch is in this state.</p>
          ) : (
            <p>
              There is no batch yet. Choose a file with one request a line above, or try a single request on{" "}
              <a href={href("try")}>Try it</a>.
            </p>
          )
        }
        columns={[
          {
            name: "Batch",
            cell: (batch) => (
              <a href={href("batches", batch.id)}>
                <code>{batch.id}</code>
              </a>
            ),
          },
          { name: "State", cell: (batch) => <State of={stateOf(batch)} /> },
          { name: "Lines", cell: (batch) => <Progress {...batch.request_counts} /> },
          { name: "Endpoint", cell: (batch) => <code>{batch.endpoint.replace("/v1/", "")}</code> },
          { name: "Model", cell: (batch) => batch.model ?? "–" },
          { name: "Age", cell: (batch) => ago(batch.created_at) },
          { name: "Tokens", cell: (batch) => batch.usage.total_tokens.toLocaleString(), isNumber: true },
          { name: "Time left", cell: timeLeft },
        ]}
      />
    </>
  );
}

/** A batch in work of which no line is finished waits for its turn. */
export const stateOf = (batch: Batch): string =>
  batch.status === "in_progress" && batch.request_counts.completed + batch.request_counts.failed === 0 ? "queued" : batch.status;

export const timeLeft = (batch: Batch): string => (batch.estimated_completion_at ? duration(batch.estimated_completion_at - now()) : "–");
