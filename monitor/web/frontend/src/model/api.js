// Asking the server. Owns failure in words: every error has `what` and `cure`.

const BASE = "/api/v1";

export class Failure extends Error {
  constructor(what, cure, status = 0) {
    super(what);
    this.what = what;
    this.cure = cure;
    this.status = status;
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path.startsWith("/") ? path : `${BASE}/${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("the server does not answer", "it is tried again by itself");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Failure(said.what ?? `the server said ${answer.status}`, said.cure ?? "", answer.status);
}

/** An address under a build with its product set named, where it is not the usual one. Pure. */
export const inSet = (address, set) => (set ? `${address}${address.includes("?") ? "&" : "?"}set=${encodeURIComponent(set)}` : address);

/** Where the browser itself asks for a picture. Pure. */
export const addressOf = (path) => `${BASE}/${path}`;

export const getJson = async (path, options) => (await ask(path, options)).json();
export const postJson = async (path, body) => {
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return answer.status === 204 ? null : answer.json();
};
export const remove = (path) => ask(path, { method: "DELETE" });
export const getBlob = async (path, options) => (await ask(path, options)).blob();
export const getBytes = async (path, options) => (await ask(path, options)).arrayBuffer();

/** Address of a live socket on this server. */
export const liveAddress = () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${BASE}/live`;
