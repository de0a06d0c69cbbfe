// Calls of the REST API.

import { csrfHeader } from "./session.js";

/** So long a call may take: what is read comes soon; a source that is tried or a picture that is sent takes longer. */
const READ_MS = 30_000;
const CHANGE_MS = 90_000;

/** Call the API with a body that becomes JSON, or a Blob that goes as it is; returns the JSON answer (null where
 *  there is none).
 *  Throws an Error whose message is the API's own one line, and whose `status` is the HTTP status (0: no answer). */
export async function api(method, path, body) {
  const isBlob = body instanceof Blob;
  const type = isBlob ? body.type : "application/json";
  const headers = { ...csrfHeader(), ...(body === undefined ? {} : { "content-type": type }) };
  const signal = AbortSignal.timeout(method === "GET" ? READ_MS : CHANGE_MS);
  let answer, text;
  try {
    answer = await fetch(path, { method, headers, body: isBlob ? body : JSON.stringify(body), signal });
    text = await answer.text();
  } catch {
    throw failure("The dashboard does not answer.", 0);
  }
  if (answer.status === 401) document.dispatchEvent(new Event("loggedout"));
  const json = parsed(text);
  if (!answer.ok) throw failure(json?.detail ?? `The dashboard answered ${answer.status}.`, answer.status);
  return json;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function failure(detail, status) {
  return Object.assign(new Error(detail), { status });
}
