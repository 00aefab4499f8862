import { useState } from "preact/hooks";
import { send } from "../api/client";
import type { Model } from "../api/wire";
import { count, when } from "../format";
import { href } from "../route";
import { Action } from "../ui/Action";
import { Listed } from "../ui/Listed";

export function ModelsPage() {
  const [version, setVersion] = useState(0);
  return (
    <>
      <h1>Models</h1>
      <Listed<Model>
        key={version}
        base="/v1/models"
        caption="Models"
        seconds={30}
        empty={
          <p>
            No model is there yet. An operator adds one with <code>llada admin models add</code>.
          </p>
        }
        columns={[
          { name: "Model", cell: (model) => <code>{model.id}</code> },
          { name: "Made by", cell: (model) => model.owned_by },
          { name: "Context", cell: (model) => `${count(model.context_length)} tokens`, isNumber: true },
          { name: "Since", cell: (model) => when(model.created) },
          {
            name: "",
            cell: (model) => (
              <>
                <a href={href("try", model.id)}>Try</a>
                {model.id.startsWith("ft:") && (
                  <>
                    {" "}
                    <Action
                      confirm={`Delete ${model.id}?`}
                      run={async () => {
                        await send("DELETE", `/v1/models/${encodeURIComponent(model.id)}`);
                        setVersion((value) => value + 1);
                      }}
                    >
                      Delete
                    </Action>
                  </>
                )}
              </>
            ),
          },
        ]}
      />
    </>
  );
}
