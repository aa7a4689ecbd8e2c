// What is sent to the server, and its answers.

const GONE = "The server does not answer. Is webiml serve still running?";

/** An answer that is no result; its message is a sentence for a person. */
export class Refused extends Error {
  /**
   * @param {string} sentence
   * @param {boolean} again whether the same request may go well later
   */
  constructor(sentence, again) {
    super(sentence);
    this.again = again;
  }
}

/**
 * Ask about a picture, alone or with the authentic one it was made from.
 * @param {Blob} manipulated
 * @param {Blob | null} authentic
 * @param {AbortSignal} signal
 * @returns {Promise<{answer: object, maps: Record<string, Blob>}>} the JSON, and the PNG files that it links to
 */
export async function ask(manipulated, authentic, signal) {
  const form = new FormData();
  // The file's own name stays here: the server has no use for it.
  form.append(authentic ? "manipulated" : "picture", manipulated, "picture");
  if (authentic) form.append("authentic", authentic, "authentic");
  const options = { method: "POST", body: form, headers: { Accept: "application/json" }, signal };
  const answer = await (await request(authentic ? "annotate" : "localize", options)).json();
  const links = Object.entries(answer.links ?? {}).filter(([, address]) => address);
  const blobs = await Promise.all(links.map(([, address]) => map(address, signal)));
  return { answer, maps: Object.fromEntries(links.map(([name], at) => [name, blobs[at]])) };
}

/**
 * @param {string} address
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
async function map(address, signal) {
  return (await request(new URL(address, document.baseURI), { signal })).blob();
}

/**
 * @param {string | URL} address
 * @param {RequestInit} options
 * @returns {Promise<Response>} one that is fine
 */
async function request(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(GONE, true);
  }
  if (response.ok) return response;
  if (response.status === 401) {
    throw new Refused("The token is missing here. Open the address once more that webiml serve printed.", false);
  }
  const told = await response.json().catch(() => ({}));
  const sentence = typeof told.error === "string" ? told.error : `The server answered with ${response.status}.`;
  throw new Refused(sentence, response.status === 503 || response.status === 408);
}
