import { useState } from "preact/hooks";
import { send } from "../api/client";
import type { Delivery, WebhookEndpoint } from "../api/wire";
import { when } from "../format";
import { href } from "../route";
import { Action } from "../ui/Action";
import { Copy, curl } from "../ui/Copy";
import { Facts } from "../ui/Facts";
import { Listed } from "../ui/Listed";
import { ObjectPage } from "../ui/ObjectPage";
import { State } from "../ui/State";

/** An endpoint with its deliveries. */
export function WebhookPage({ id }: { id: string }) {
  const base = `/v1/webhook_endpoints/${id}`;
  const [tested, setTested] = useState<Delivery | null>(null);
  const test = async () => setTested(await send<Delivery>("POST", `${base}/test`));
  return (
    <>
      <ObjectPage<WebhookEndpoint> id={id} base={base} room="webhooks" all="All endpoints" seconds={null}>
        {(endpoint, { remove }) => (
          <>
            <p class="actions">
              <Action kind="main" run={test}>
                Send a test
              </Action>
              <Action confirm={`Delete ${endpoint.url} and its log?`} run={remove}>
                Delete
              </Action>
              <Copy label="Copy as curl" text={curl("POST", `${base}/test`)} />
            </p>
            {tested && (
              <p role="status">
                <State of={tested.status} /> {answerOf(tested)}
              </p>
            )}
            <Facts
              of={[
                ["Address", endpoint.url],
                ["Events", endpoint.events.join(", ")],
                ["Since", when(endpoint.created_at)],
              ]}
            />
          </>
        )}
      </ObjectPage>
      <h2>Deliveries</h2>
      <Listed<Delivery>
        key={tested?.id}
        base={`${base}/deliveries`}
        caption="Deliveries"
        seconds={10}
        empty={<p>Nothing was delivered yet. Send a test, or wait for a job to end.</p>}
        columns={[
          { name: "Event", cell: (delivery) => delivery.type },
          { name: "Of", cell: (delivery) => <JobLink of={delivery} /> },
          { name: "State", cell: (delivery) => <State of={delivery.status} /> },
          { name: "Answer", cell: answerOf },
          { name: "Attempts", cell: (delivery) => delivery.attempts, isNumber: true },
          { name: "Last", cell: (delivery) => when(delivery.attempted_at) },
          { name: "Next", cell: (delivery) => when(delivery.next_attempt_at) },
        ]}
      />
    </>
  );
}

const answerOf = (delivery: Delivery) => delivery.message ?? `The endpoint answered ${delivery.status_code}`;

function JobLink({ of: { type, data } }: { of: Delivery }) {
  const room = type.startsWith("batch.") ? "batches" : type.startsWith("fine_tuning.") ? "fine-tuning" : null;
  return room ? (
    <a href={href(room, data.id)}>
      <code>{data.id}</code>
    </a>
  ) : (
    <code>{data.id}</code>
  );
}
