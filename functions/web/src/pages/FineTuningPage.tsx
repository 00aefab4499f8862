import { useState } from "preact/hooks";
import { send, upload } from "../api/client";
import { usePolled } from "../api/polling";
import type { FineTuningJob, Model, Page, StoredFile } from "../api/wire";
import { ago, count, duration, now } from "../format";
import { go, href } from "../route";
import { Action } from "../ui/Action";
import { DropFile } from "../ui/DropFile";
import { Listed } from "../ui/Listed";
import { State } from "../ui/State";

export function FineTuningPage() {
  return (
    <>
      <h1>Fine-tuning</h1>
      <NewJob />
      <Listed<FineTuningJob>
        base="/v1/fine_tuning/jobs"
        caption="Fine-tuning jobs"
        seconds={5}
        empty={<p>There is no job yet. Choose a file of dialogues, of prompts and completions, of texts or of preferences above.</p>}
        columns={[
          {
            name: "Job",
            cell: (job) => (
              <a href={href("fine-tuning", job.id)}>
                <code>{job.id}</code>
              </a>
            ),
          },
          { name: "State", cell: (job) => <State of={job.status} /> },
          { name: "Model", cell: (job) => job.model },
          { name: "Method", cell: (job) => job.method.type },
          { name: "Result", cell: (job) => (job.fine_tuned_model ? <code>{job.fine_tuned_model}</code> : "–") },
          { name: "Tokens", cell: (job) => (job.trained_tokens === null ? "–" : count(job.trained_tokens)), isNumber: true },
          { name: "Age", cell: (job) => ago(job.created_at) },
          { name: "Time left", cell: (job) => (job.estimated_finish ? duration(job.estimated_finish - now()) : "–") },
        ]}
      />
    </>
  );
}

/** How a file is learnt, by what its lines are. */
const methods = { supervised: "dialogues, or prompts and completions", pretrain: "plain text", dpo: "preferences" };

/** A job over a file of this computer, with the values that the service chooses by the amount of data. */
function NewJob() {
  const models = usePolled<Page<Model>>("/v1/models", null);
  const [file, setFile] = useState<File | null>(null);
  const [model, setModel] = useState("");
  const [suffix, setSuffix] = useState("");
  const [method, setMethod] = useState("supervised");
  const [isAdapter, setAdapter] = useState(true);
  const start = async () => {
    const stored = await upload<StoredFile>(file!, "fine-tune");
    const job = await send<FineTuningJob>("POST", "/v1/fine_tuning/jobs", {
      model: model || models.value?.data[0]?.id,
      training_file: stored.id,
      suffix: suffix || null,
      method: { type: method, [method]: { hyperparameters: isAdapter ? { lora: {} } : {} } },
    });
    go("fine-tuning", job.id);
  };
  return (
    <section class="new" aria-label="New job">
      <DropFile label="Choose a file of examples" accept=".jsonl,.json,.txt" take={setFile} />
      {file && (
        <p>
          <b>{file.name}</b>{" "}
          <label>
            Model{" "}
            <select value={model} onChange={(event) => setModel(event.currentTarget.value)}>
              {models.value?.data.map(({ id }) => (
                <option value={id}>{id}</option>
              ))}
            </select>
          </label>{" "}
          <label>
            Lines are{" "}
            <select value={method} onChange={(event) => setMethod(event.currentTarget.value)}>
              {Object.entries(methods).map(([name, lines]) => (
                <option value={name}>{lines}</option>
              ))}
            </select>
          </label>{" "}
          <label>
            Name of the result{" "}
            <input value={suffix} maxLength={64} placeholder="optional" onInput={(event) => setSuffix(event.currentTarget.value)} />
          </label>{" "}
          <label>
            <input type="checkbox" checked={isAdapter} onChange={() => setAdapter(!isAdapter)} /> adapter (LoRA) only
          </label>{" "}
          <Action kind="main" run={start}>
            Send and start
          </Action>
        </p>
      )}
    </section>
  );
}
