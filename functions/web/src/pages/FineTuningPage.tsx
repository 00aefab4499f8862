import type { FineTuningJob } from "../api/wire";
import { ago, count, duration, now } from "../format";
import { href } from "../route";
import { Listed } from "../ui/Listed";
import { State } from "../ui/State";
import { NewJob } from "./NewJob";

export function FineTuningPage() {
  return (
    <>
      <h1>Fine-tuning</h1>
      <NewJob />
      <Listed<FineTuningJob>
        base="/v1/fine_tuning/jobs"
        caption="Fine-tuning jobs"
        seconds={5}
        empty={
          <p>
            There is no job yet. Choose a file of dialogues, of prompts and completions, of texts, of preferences or of questions above.
          </p>
        }
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
