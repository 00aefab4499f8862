import { useState } from "preact/hooks";
import { signIn } from "../session";

export function KeyPage({ signedIn }: { signedIn: () => void }) {
  const [value, setValue] = useState("");
  const enter = (event: Event) => {
    event.preventDefault();
    signIn(value);
    signedIn();
  };
  return (
    <main id="main" class="key">
      <h1>LLaDA.Batch</h1>
      <p>Enter your tenant's API key. It stays in this tab and is forgotten when the tab is closed.</p>
      <form onSubmit={enter}>
        <label for="key">API key</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        <button type="submit">Continue</button>
      </form>
      <p class="quiet">
        On a local stack the key is in the file <code>api-key</code> of its data folder. Elsewhere an operator makes one with{" "}
        <code>llada admin keys create TENANT</code>.
      </p>
    </main>
  );
}
