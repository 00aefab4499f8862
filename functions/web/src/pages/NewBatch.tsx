import { useState } from "preact/hooks";
import { send, upload } from "../api/client";
import type { Batch, Priority, StoredFile } from "../api/wire";
import { bytes, count } from "../format";
import { go } from "../route";
import { Action } from "../ui/Action";
import { DropFile } from "../ui/DropFile";
import { checkLines, type LinesCheck } from "./lines";

/** A batch from a file: dropped, checked here, sent and started. */
export function NewBatch() {
  const [chosen, setChosen] = useState<{ file: File; check: LinesCheck | null } | null>(null);
  const [days, setDays] = useState(1);
  const [priority, setPriority] = useState<Priority>("normal");
  const take = async (file: File) => {
    setChosen({ file, check: null });
    const check = await checkLines(file);
    setChosen((now) => (now?.file === file ? { file, check } : now));
  };
  const start = async () => {
    const stored = await upload<StoredFile>(chosen!.file, "batch");
    const batch = await send<Batch>("POST", "/v1/batches", {
      input_file_id: stored.id,
      endpoint: chosen!.check!.endpoint,
      completion_window: `${days * 24}h`,
      priority: priority === "normal" ? null : priority,
    });
    go("batches", batch.id);
  };
  return (
    <section class="new" aria-label="New batch">
      <DropFile label="Choose a file of requests" accept=".jsonl,.json,.txt" take={(file) => void take(file)} />
      {chosen && (
        <div role="status">
          <p>
            <b>{chosen.file.name}</b>, {bytes(chosen.file.size)}
            {chosen.check
              ? `: ${count(chosen.check.lines)} ${chosen.check.lines === 1 ? "line" : "lines"}` +
                (chosen.check.endpoint ? ` for ${chosen.check.endpoint}` : "")
              : ": reading…"}
          </p>
          {chosen.check?.faults.map((fault) => (
            <p class="failure">{fault}</p>
          ))}
        </div>
      )}
      {chosen?.check?.faults.length === 0 && (
        <p>
          <label>
            Finish within{" "}
            <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
              {[1, 2, 7, 14].map((value) => (
                <option value={value}>{value === 1 ? "1 day" : `${value} days`}</option>
              ))}
            </select>
          </label>{" "}
          <label>
            Priority{" "}
            <select value={priority} onChange={(event) => setPriority(event.currentTarget.value as Priority)}>
              {["low", "normal", "high"].map((value) => (
                <option value={value}>{value}</option>
              ))}
            </select>
          </label>{" "}
          <Action kind="main" run={start}>
            Send and start
          </Action>
        </p>
      )}
    </section>
  );
}
