import { useState } from "preact/hooks";
import { send, upload } from "../api/client";
import { usePolled } from "../api/polling";
import type { FineTuningJob, Model, Page, StoredFile } from "../api/wire";
import { go } from "../route";
import { Action } from "../ui/Action";
import { DropFile } from "../ui/DropFile";
import { MethodFields } from "./MethodFields";
import { methodOf, methods, type MethodValues } from "./methods";

/** A job over a file of this computer. What the form leaves out, the service chooses by the amount of data. */
export function NewJob() {
  const models = usePolled<Page<Model>>("/v1/models", null);
  const [file, setFile] = useState<File | null>(null);
  const [stored, setStored] = useState<{ file: File; id: string } | null>(null);
  const [model, setModel] = useState("");
  const [suffix, setSuffix] = useState("");
  const [method, setMethod] = useState("supervised");
  const [values, setValues] = useState<MethodValues>({});
  const [isAdapter, setAdapter] = useState(true);
  // A file is sent once, also when the service refuses a job over it.
  const fileId = async () => {
    if (stored?.file === file) return stored!.id;
    const { id } = await upload<StoredFile>(file!, "fine-tune");
    setStored({ file: file!, id });
    return id;
  };
  const start = async () => {
    const asked = methodOf(method, values, isAdapter);
    const job = await send<FineTuningJob>("POST", "/v1/fine_tuning/jobs", {
      model: model || models.value?.data[0]?.id,
      training_file: await fileId(),
      suffix: suffix || null,
      method: asked,
    });
    go("fine-tuning", job.id);
  };
  return (
    <section class="new" aria-label="New job">
      <DropFile label="Choose a file of examples" accept=".jsonl,.json,.txt" take={setFile} />
      {file && (
        <>
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
                {Object.entries(methods).map(([name, { lines }]) => (
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
            </label>
          </p>
          <MethodFields method={method} values={values} change={setValues} />
          <Action kind="main" run={start}>
            Send and start
          </Action>
        </>
      )}
    </section>
  );
}
