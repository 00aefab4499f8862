/** The tenant's API key. It lives in this tab's sessionStorage, and goes to no other origin. */
const item = "llada-api-key";

export const key = (): string | null => sessionStorage.getItem(item);

export function signIn(value: string): void {
  sessionStorage.setItem(item, value.trim());
}

export function signOut(): void {
  sessionStorage.removeItem(item);
}

/** Takes the key out of an address such as `/#key=llada-...`, so that neither the history nor a shared link holds it. */
export function takeKeyFromAddress(): void {
  const match = /^#key=(.+)$/.exec(location.hash);
  if (!match) return;
  signIn(decodeURIComponent(match[1]!));
  history.replaceState(null, "", location.pathname + location.search);
}
