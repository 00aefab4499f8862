import { useState } from "preact/hooks";
import { download, send, upload } from "../api/client";
import type { StoredFile } from "../api/wire";
import { ago, bytes, when } from "../format";
import { Action } from "../ui/Action";
import { DropFile } from "../ui/DropFile";
import { Listed } from "../ui/Listed";

export function FilesPage() {
  const [purpose, setPurpose] = useState("fine-tune");
  const [version, setVersion] = useState(0);
  const [state, setState] = useState<{ text: string; isError: boolean } | null>(null);
  const changed = () => setVersion((value) => value + 1);
  const take = async (file: File) => {
    setState({ text: `Sending ${file.name}…`, isError: false });
    try {
      const stored = await upload<StoredFile>(file, purpose);
      setState({ text: `${file.name} is stored as ${stored.id}`, isError: false });
      changed();
    } catch (failure) {
      setState({ text: (failure as Error).message, isError: true });
    }
  };
  return (
    <>
      <h1>Files</h1>
      <section class="new" aria-label="New file">
        <label>
          For{" "}
          <select value={purpose} onChange={(event) => setPurpose(event.currentTarget.value)}>
            <option value="fine-tune">fine-tuning</option>
            <option value="batch">a batch</option>
          </select>
        </label>
        <DropFile label="Choose a file" accept=".jsonl,.json,.txt" take={(file) => void take(file)} />
        {state && (
          <p role="status" class={state.isError ? "failure" : ""}>
            {state.text}
          </p>
        )}
      </section>
      <Listed<StoredFile>
        key={version}
        base="/v1/files"
        caption="Files"
        seconds={30}
        query={{ order: "desc" }}
        empty={<p>There is no file yet. Choose one above.</p>}
        columns={[
          {
            name: "File",
            cell: (file) => (
              <>
                {file.filename}
                <br />
                <code>{file.id}</code>
              </>
            ),
          },
          { name: "For", cell: (file) => file.purpose.replace("_", " ") },
          { name: "Size", cell: (file) => bytes(file.bytes), isNumber: true },
          { name: "Age", cell: (file) => ago(file.created_at) },
          { name: "Kept until", cell: (file) => when(file.expires_at) },
          {
            name: "",
            cell: (file) => (
              <>
                <Action run={() => download(`/v1/files/${file.id}/content`, file.filename)}>Download</Action>{" "}
                <Action
                  confirm={`Delete ${file.filename}?`}
                  run={async () => {
                    await send("DELETE", `/v1/files/${file.id}`);
                    changed();
                  }}
                >
                  Delete
                </Action>
              </>
            ),
          },
        ]}
      />
    </>
  );
}
