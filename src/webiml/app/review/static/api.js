/** What the page asks of the server. Every failure is an Error whose message a person can read. */

/** The server answered that it cannot be: asking again would not help. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * The JSON answer of the server.
 * @param {string} path below the page's address, without a leading slash
 * @param {{method?: string, body?: object, signal?: AbortSignal}} options
 */
export async function ask(path, { method, body, signal } = {}) {
  const answer = await request(path, {
    method: method ?? (body ? "POST" : "GET"),
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
    signal,
  });
  return answer.json();
}

/** The bytes of a picture, as a Blob. */
export async function askPicture(path, signal) {
  return (await request(path, { signal })).blob();
}

/** `path?name=value&...`; lists become several, null and "" are left out. */
export function withQuery(path, values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") {
        query.append(name, String(one));
      }
    }
  }
  return `${path}?${query}`;
}

/** The address of a case or of something below it. */
export function caseAddress(key, below = "") {
  return `api/case/${encodeURIComponent(key)}${below ? `/${below}` : ""}`;
}

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw new Error("The server does not answer. Is `webiml review` still running?");
  }
  if (answer.ok) {
    return answer;
  }
  if (answer.status === 401) {
    throw new Refused("This page may no longer ask. Open the address that `webiml review` printed.", 401);
  }
  let said = "";
  try {
    said = (await answer.json()).error;
  } catch {
    said = ""; // no JSON: the status has to do
  }
  const message = typeof said === "string" && said ? said : `The server answered ${answer.status}.`;
  throw answer.status >= 500 ? new Error(message) : new Refused(message, answer.status);
}
