import { useState } from "preact/hooks";
import { send } from "../api/client";
import type { WebhookEndpoint } from "../api/wire";
import { when } from "../format";
import { href } from "../route";
import { Action } from "../ui/Action";
import { Copy } from "../ui/Copy";
import { Listed } from "../ui/Listed";

export function WebhooksPage() {
  const [version, setVersion] = useState(0);
  const changed = () => setVersion((value) => value + 1);
  return (
    <>
      <h1>Webhooks</h1>
      <NewEndpoint changed={changed} />
      <Listed<WebhookEndpoint>
        key={version}
        base="/v1/webhook_endpoints"
        caption="Webhook endpoints"
        seconds={30}
        empty={<p>No endpoint is registered yet. Enter an address above to be called when a job ends.</p>}
        columns={[
          {
            name: "Address",
            cell: (endpoint) => (
              <>
                {endpoint.url}
                <br />
                <a href={href("webhooks", endpoint.id)}>
                  <code>{endpoint.id}</code>
                </a>
              </>
            ),
          },
          { name: "Events", cell: (endpoint) => endpoint.events.join(", ") },
          { name: "Since", cell: (endpoint) => when(endpoint.created_at) },
          {
            name: "",
            cell: (endpoint) => (
              <Action
                confirm={`Delete ${endpoint.url} and its log?`}
                run={async () => {
                  await send("DELETE", `/v1/webhook_endpoints/${endpoint.id}`);
                  changed();
                }}
              >
                Delete
              </Action>
            ),
          },
        ]}
      />
    </>
  );
}

function NewEndpoint({ changed }: { changed: () => void }) {
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState<string | null>(null);
  const add = async () => {
    const endpoint = await send<WebhookEndpoint>("POST", "/v1/webhook_endpoints", { url });
    setSecret(endpoint.secret ?? null);
    setUrl("");
    changed();
  };
  return (
    <section class="new" aria-label="New endpoint">
      <label>
        Address{" "}
        <input
          type="url"
          value={url}
          size={40}
          placeholder="https://example.com/hook"
          onInput={(event) => setUrl(event.currentTarget.value)}
        />
      </label>{" "}
      <Action kind="main" run={add}>
        Register
      </Action>
      {secret && (
        <p role="status">
          Its secret, which is shown once: <code>{secret}</code> <Copy label="Copy" text={secret} />
        </p>
      )}
    </section>
  );
}
