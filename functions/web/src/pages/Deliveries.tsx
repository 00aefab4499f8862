import { when } from "../format";
import { Listed } from "../ui/Listed";
import { State } from "../ui/State";

/** A call of an endpoint, as `/v1/webhook_endpoints/{id}/deliveries` lists it. */
interface Delivery {
  id: string;
  created_at: number;
  event: string;
  status: string;
  attempts: number;
  status_code: number | null;
  error: string | null;
}

export function Deliveries({ endpoint }: { endpoint: string }) {
  return <>
    <h2>Deliveries to <code>{endpoint}</code></h2>
    <Listed<Delivery> base={`/v1/webhook_endpoints/${endpoint}/deliveries`} caption="Deliveries" seconds={10}
      empty={<p>Nothing was delivered yet.</p>} columns={[
        { name: "Time", cell: (delivery) => when(delivery.created_at) },
        { name: "Event", cell: (delivery) => <code>{delivery.event}</code> },
        { name: "State", cell: (delivery) => <State of={delivery.status} /> },
        { name: "Attempts", cell: (delivery) => delivery.attempts, isNumber: true },
        { name: "Answer", cell: (delivery) => delivery.error ?? delivery.status_code ?? "–" },
      ]} />
  </>;
}
