// Calls of the REST API.

import { csrfHeader } from "./session.js";

/** Call the API with a body that becomes JSON, or a Blob that goes as it is; returns the JSON answer (null where
 *  there is none).
 *  Throws an Error whose message is the API's own one line, and whose `status` is the HTTP status (0: no answer). */
export async function api(method, path, body) {
  const isBlob = body instanceof Blob;
  const type = isBlob ? body.type : "application/json";
  const headers = { ...csrfHeader(), ...(body === undefined ? {} : { "content-type": type }) };
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: isBlob ? body : JSON.stringify(body) });
  } catch {
    throw failure("The dashboard does not answer.", 0);
  }
  if (answer.status === 401) document.dispatchEvent(new Event("loggedout"));
  const json = await answer.json().catch(() => null);
  if (!answer.ok) throw failure(json?.detail ?? `The dashboard answered ${answer.status}.`, answer.status);
  return json;
}

function failure(detail, status) {
  return Object.assign(new Error(detail), { status });
}
