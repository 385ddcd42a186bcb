// One alarm with the picture that shows why, and the form that acknowledges it. Also the history.

import { field, makeDialog, makeTrouble } from "../chrome/dialog.js";
import { el } from "../dom.js";
import { goTo } from "../layers/place.js";
import { acknowledge, alarmWord, lightOf, mayAcknowledge } from "../model/alarms.js";
import { getJson } from "../model/api.js";
import { makeLight } from "../chrome/light.js";
import { clock, number, sentence, unit } from "../words.js";

/** `asPerson` is called with what needs a named user; it asks for a login where the server wants one. */
export function installAlarmDialog(store, asPerson) {
  const dialog = makeDialog("alarm", "Alarm");
  const look = async (id) => {
    dialog.body.replaceChildren(el("p.dim", {}, "Loading"));
    dialog.open();
    try {
      show(await getJson(`alarms/${encodeURIComponent(id)}`));
    } catch (error) {
      dialog.body.replaceChildren(el("p.trouble", { role: "alert" }, error.what ?? String(error)));
    }
  };
  const show = (alarm) => {
    dialog.heading.textContent = alarm.title;
    dialog.body.replaceChildren(...content(alarm, store, dialog), alarm.acknowledgement ? seenBy(alarm) : mayNot(store.state.me) ?? form(alarm, asPerson, show));
  };
  return look;
}

function content(alarm, store, dialog) {
  const lamp = makeLight("p.light");
  lamp.set(lightOf(alarm), sentence(`${alarm.severity} · ${alarmWord(alarm)}`));
  const there = alarm.layer !== null && alarm.build === store.state.build?.id;
  const said = alarm.value === null ? null : `${[number(alarm.value), unit(alarm.unit)].filter(Boolean).join(" ")}, limit ${[number(alarm.limit), unit(alarm.unit)].filter(Boolean).join(" ")}`;
  const facts = [
    ["About", alarm.subject], ["Raised", clock(alarm.raised)], ["Layer", alarm.layer], ["Measured", said],
    ["Gone", alarm.cleared && clock(alarm.cleared)], ["Came back", alarm.returns ? `${alarm.returns} ×` : null],
  ].filter(([, value]) => value !== null && value !== "");
  return [
    lamp.node, el("p", {}, alarm.reason),
    alarm.picture && el("img.alarm-picture", { src: alarm.picture, alt: `The picture that shows why: ${alarm.reason}` }),
    el("dl.facts-list", {}, facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))])),
    there && el("button", { type: "button", onclick: () => { dialog.close(); goTo(store, alarm.layer); } }, `Show layer ${alarm.layer}`),
  ].filter(Boolean);
}

const seenBy = ({ acknowledgement: { user, time, comment } }) =>
  el("p.seen", {}, el("b", {}, user), ` acknowledged it at ${clock(time)}: “${comment}”`);

/** Why a named person cannot acknowledge; null for one who can, and for who has not logged in yet. */
const mayNot = (me) => (!mayAcknowledge(me)
  ? el("p.dim", {}, `You are ${me.name}, ${me.role}: an operator acknowledges alarms.`)
  : null);

function form(alarm, asPerson, show) {
  const comment = field("What you found or did", { id: "alarm-comment", required: true, maxLength: 1000, rows: 3, autocomplete: "off" }, "textarea");
  const trouble = makeTrouble();
  const send = el("button.main", { type: "submit" }, "Acknowledge");
  const node = el("form.stack", { onsubmit: submit }, comment.node, trouble.node, send);
  async function submit(event) {
    event.preventDefault();
    if (!comment.control.value.trim()) return trouble.tell("Say in a word what you found: the next shift reads it.");
    send.disabled = true;
    trouble.tell(null);
    try {
      show(await asPerson(() => acknowledge(alarm.id, comment.control.value.trim()), "operator"));
    } catch (error) {
      trouble.tell(error);
    }
    send.disabled = false;
  }
  return node;
}

/** The list of alarms that are over. */
export function installHistory(store, look) {
  const dialog = makeDialog("history", "Alarms of this build that are over");
  return async () => {
    dialog.open();
    const build = store.state.build?.id;
    const { history } = await getJson(`alarms${build ? `?build=${encodeURIComponent(build)}` : ""}`).catch((error) => ({ history: null, error }));
    if (!history?.length) return dialog.body.replaceChildren(el("p.dim", {}, history ? "None." : "The history cannot be read now."));
    dialog.body.replaceChildren(el("ul.builds", {}, history.map((alarm) => el("li", {},
      el("div", {}, el("b", {}, alarm.title), el("span.dim", {}, [clock(alarm.raised), alarm.layer === null ? "" : `layer ${alarm.layer}`, alarm.reason].filter(Boolean).join(" · ")),
        alarm.acknowledgement && el("span.dim", {}, `${alarm.acknowledgement.user}: ${alarm.acknowledgement.comment}`)),
      el("div.actions", {}, el("button", { type: "button", onclick: () => { dialog.close(); look(alarm.id); } }, "Look"))))));
  };
}
