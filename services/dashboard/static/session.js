// As whom this browser speaks: known before anything else, and sent with everything that changes something.

const ADDRESS = "/api/session";
const RETRY_MS = 1000;
const ANSWER_MS = 10_000;

let current = { role: null, login: false, csrf: "" };
let asking = null;

/** The session: `role` ("admin", "viewer", or null: log in first), `login` (whether one is needed here). */
export const session = () => current;

/** The header that shows that a change comes from this page. */
export const csrfHeader = () => (current.csrf ? { "x-csrf-token": current.csrf } : {});

/** Ask the dashboard as whom this browser speaks; waits until it answers. */
export function askSession() {
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

async function ask() {
  for (;;) {
    try {
      const answer = await fetch(ADDRESS, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.ok) {
        current = await answer.json();
        return current;
      }
    } catch {
      // it does not answer yet
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Log in with a token; throws an Error that says in one line why not. */
export async function logIn(token) {
  const body = JSON.stringify({ token });
  const answer = await fetch(ADDRESS, { method: "POST", headers: { "content-type": "application/json" }, body });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const wait = answer.headers.get("retry-after");
    throw new Error(`${json.detail ?? "The dashboard does not answer"}${wait ? `: try again in ${wait} s` : ""}`);
  }
  current = json;
}

/** Log out; the page starts anew. */
export async function logOut() {
  await fetch(ADDRESS, { method: "DELETE", headers: csrfHeader() });
  location.reload();
}
