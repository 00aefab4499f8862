import type { Schedule } from "../api/wire";
import { when } from "../format";
import { href } from "../route";
import { Listed } from "../ui/Listed";
import { State } from "../ui/State";

export function SchedulesPage() {
  return (
    <>
      <h1>Schedules</h1>
      <Listed<Schedule>
        base="/v1/schedules"
        caption="Schedules"
        seconds={15}
        empty={
          <p>
            There is no schedule yet. <code>POST /v1/schedules</code> makes one that trains on the files of a folder each night.
          </p>
        }
        columns={[
          {
            name: "Schedule",
            cell: (schedule) => (
              <a href={href("schedules", schedule.id)}>
                <code>{schedule.id}</code>
              </a>
            ),
          },
          { name: "State", cell: (schedule) => <State of={schedule.status} /> },
          {
            name: "Times",
            cell: (schedule) => (
              <>
                <code>{schedule.cron}</code> {schedule.time_zone}
              </>
            ),
          },
          { name: "Next", cell: (schedule) => when(schedule.next_run_at) },
          { name: "Model", cell: (schedule) => schedule.job.model },
          {
            name: "Folder",
            cell: ({ training_data }) => (
              <code>
                {training_data.container}/{training_data.prefix}
              </code>
            ),
          },
        ]}
      />
    </>
  );
}
