import type { ComponentChildren } from "preact";
import { href, type Route } from "../route";

const rooms: [string, string][] = [
  ["try", "Try it"],
  ["batches", "Batches"],
  ["fine-tuning", "Fine-tuning"],
  ["schedules", "Schedules"],
  ["models", "Models"],
  ["files", "Files"],
  ["webhooks", "Webhooks"],
  ["usage", "Usage"],
];

export function Layout({ route, changeKey, children }: { route: Route; changeKey: () => void; children: ComponentChildren }) {
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")!.focus();
        }}
      >
        Skip to content
      </a>
      <header>
        <a class="brand" href={href("try")}>
          LLaDA.Batch
        </a>
        <nav aria-label="Pages">
          {rooms.map(([id, name]) => (
            <a href={href(id)} aria-current={(route[0] ?? "try") === id ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <a href="/docs">API</a>
        <button type="button" class="plain" onClick={changeKey}>
          Change key
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
