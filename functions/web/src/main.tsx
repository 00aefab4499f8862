import { render } from "preact";
import { useState } from "preact/hooks";
import { usePolled } from "./api/polling";
import type { Model, Page } from "./api/wire";
import { BatchPage } from "./pages/BatchPage";
import { BatchesPage } from "./pages/BatchesPage";
import { FilesPage } from "./pages/FilesPage";
import { FineTuningPage } from "./pages/FineTuningPage";
import { JobPage } from "./pages/JobPage";
import { KeyPage } from "./pages/KeyPage";
import { ModelsPage } from "./pages/ModelsPage";
import { SchedulePage } from "./pages/SchedulePage";
import { SchedulesPage } from "./pages/SchedulesPage";
import { TryPage } from "./pages/TryPage";
import { UsagePage } from "./pages/UsagePage";
import { WebhookPage } from "./pages/WebhookPage";
import { WebhooksPage } from "./pages/WebhooksPage";
import { useRoute, type Route } from "./route";
import { key, signOut, takeKeyFromAddress } from "./session";
import { Layout } from "./ui/Layout";
import "uplot/dist/uPlot.min.css";
import "./style.css";

function App() {
  const [hasKey, setHasKey] = useState(key() !== null);
  const route = useRoute();
  if (!hasKey) return <KeyPage signedIn={() => setHasKey(true)} />;
  const changeKey = () => {
    signOut();
    setHasKey(false);
  };
  return (
    <Layout route={route} changeKey={changeKey}>
      <KeyCheck refused={changeKey} />
      {page(route)}
    </Layout>
  );
}

/** Says at once when the key is not accepted, whichever page is open. */
function KeyCheck({ refused }: { refused: () => void }) {
  const { error } = usePolled<Page<Model>>("/v1/models?limit=1", null);
  return error?.status === 401 ? (
    <div class="failure" role="alert">
      <p>The service does not accept this key: it is wrong, or it was revoked.</p>
      <button type="button" onClick={refused}>
        Enter another key
      </button>
    </div>
  ) : null;
}

function page([room = "try", id]: Route) {
  switch (room) {
    case "try":
      return <TryPage model={id} />;
    case "batches":
      return id ? <BatchPage key={id} id={id} /> : <BatchesPage />;
    case "fine-tuning":
      return id ? <JobPage key={id} id={id} /> : <FineTuningPage />;
    case "schedules":
      return id ? <SchedulePage key={id} id={id} /> : <SchedulesPage />;
    case "models":
      return <ModelsPage />;
    case "files":
      return <FilesPage />;
    case "webhooks":
      return id ? <WebhookPage key={id} id={id} /> : <WebhooksPage />;
    case "usage":
      return <UsagePage />;
    default:
      return <p>This page does not exist. Choose one above.</p>;
  }
}

takeKeyFromAddress();
render(<App />, document.getElementById("app")!);
