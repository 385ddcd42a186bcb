// Who looks: logging in and out, and the first admin of a new monitor. Owns the windows; the server decides who may what.

import { el } from "../dom.js";
import { getJson, postJson, remove } from "../model/api.js";
import { field, makeDialog, makeTrouble } from "./dialog.js";

/** {open, asPerson}: `asPerson(action, role)` does what needs a named user, after a login where the server wants one. */
export function installPerson(store) {
  let waiting = null;
  const dialog = makeDialog("person", "Log in", () => {
    waiting?.reject(Object.assign(new Error("nobody logged in"), { what: "nobody logged in", cure: "log in to acknowledge" }));
    waiting = null;
  });
  const known = async () => {
    const me = await getJson("me").catch(() => ({ name: null }));
    store.set({ me });
    return me;
  };
  const done = async () => {
    await known();
    waiting?.resolve();
    waiting = null;
    dialog.close();
  };
  const open = (why = "") => {
    const { me } = store.state;
    const first = me?.setup_needed;
    dialog.heading.textContent = me?.name ? me.name : first ? "First start" : "Log in";
    dialog.body.replaceChildren(me?.name ? out(me, done) : first ? setup(done) : login(why, done));
    dialog.open();
    dialog.body.querySelector("input, button")?.focus();
  };
  const asPerson = async (action, role) => {
    try {
      return await action();
    } catch (error) {
      if (error.status !== 401) throw error;
      await new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        open(`This needs a named ${role}.`);
      });
      return action();
    }
  };
  known();
  return { open: () => open(), asPerson };
}

function login(why, done) {
  const name = field("Name", { id: "login-name", required: true, autocomplete: "username", autocapitalize: "none", spellcheck: false });
  const word = field("Password", { id: "login-password", required: true, type: "password", autocomplete: "current-password" });
  return sending([el("p", {}, why), name.node, word.node], "Log in", async () => {
    await postJson("session", { name: name.control.value, password: word.control.value });
    await done();
  });
}

/** The first admin of a new monitor, by the token that the web process wrote into its log. */
function setup(done) {
  const token = field("Token from the log of the web process", { id: "setup-token", required: true, autocomplete: "off", spellcheck: false });
  const name = field("Your name", { id: "setup-name", required: true, autocomplete: "username", autocapitalize: "none", spellcheck: false });
  const word = field("A password", { id: "setup-password", required: true, type: "password", autocomplete: "new-password" });
  const why = "Nobody is known here yet. Whoever can read the log of the web process becomes the first admin.";
  return sending([el("p", {}, why), token.node, name.node, word.node], "Begin", async () => {
    await postJson("setup", { token: token.control.value.trim(), name: name.control.value, password: word.control.value });
    await done();
  });
}

const out = (me, done) => sending([el("p", {}, `You are ${me.name}, ${me.role}.`)], "Log out", async () => {
  await remove("session");
  await done();
});

/** A form of fields that sends itself and says what went wrong. */
function sending(fields, verb, send) {
  const trouble = makeTrouble();
  const button = el("button.main", { type: "submit" }, verb);
  const node = el("form.stack", {}, ...fields, trouble.node, button);
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    trouble.tell(null);
    await send().catch((error) => trouble.tell(error));
    button.disabled = false;
  });
  return node;
}
