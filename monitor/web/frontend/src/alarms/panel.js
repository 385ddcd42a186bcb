// Open alarms, and what the rules cannot tell. Owns the list; seeing one is the dialog's.

import { SHAPES } from "../model/health.js";
import { alarmWord, byUrgency, lightOf, mayAcknowledge, unseen } from "../model/alarms.js";
import { el } from "../dom.js";
import { clock } from "../words.js";

const MOST = 40;

/** `look` opens one alarm, `history` the list of those that are over. */
export function installAlarms(panel, store, { look, history }) {
  const title = el("h2", { id: "alarms-title" }, "Alarms");
  const past = el("button.quiet", { type: "button", onclick: history }, "History");
  const list = el("ul.alarm-list");
  panel.append(el("div.head", {}, title, past), list);
  let shown = "";
  store.watch(["live", "build", "me"], ({ live, build, me }) => {
    const open = [...(live?.alarms?.open ?? [])].sort(byUrgency);
    const unsure = live?.alarms?.unsure ?? [];
    const may = mayAcknowledge(me);
    const key = JSON.stringify([open, unsure, build?.id, may]);
    if (key === shown) return;
    shown = key;
    const waiting = unseen(open).length;
    title.textContent = waiting ? `Alarms: ${waiting}` : "Alarms";
    panel.dataset.light = waiting ? lightOf(unseen(open)[0]) : "good";
    list.replaceChildren(...open.slice(0, MOST).map((alarm) => entry(alarm, build, look, may)), ...unsure.map(doubt));
    if (!open.length) list.prepend(el("li.dim", {}, calm(live, unsure)));
    if (open.length > MOST) list.append(el("li.dim", {}, `and ${open.length - MOST} more`));
  });
}

/** What is said where there is no alarm. Pure. */
export function calm(live, unsure) {
  const watching = live?.processes.find(({ process }) => process === "alarms");
  if (watching && watching.light !== "good") return "Nobody watches: the alarms process does not run.";
  return unsure.length ? "No alarm. These cannot be told at present:" : "No alarm.";
}

function entry(alarm, build, look, may) {
  const where = [alarm.layer === null ? "" : `layer ${alarm.layer}`, alarm.build && alarm.build !== build?.id ? alarm.build : "", clock(alarm.raised)].filter(Boolean).join(" · ");
  const seen = alarm.state === "acknowledged";
  const verb = seen || !may ? "Look" : "Acknowledge";
  return el("li.alarm", { "data-light": lightOf(alarm), "data-seen": seen ? "true" : null, "data-over": alarm.active ? null : "true" },
    el("div.alarm-text", {},
      el("p.alarm-head", {}, el("b", {}, el("span.shape", { "aria-hidden": "true" }, SHAPES[lightOf(alarm)]), " ", alarm.title), el("span.dim", {}, where)),
      el("p.reason", {}, alarm.reason)),
    el("div.alarm-foot", {},
      el("p.dim.small", {}, verb === "Acknowledge" && alarm.state === "unacknowledged" && alarm.cause !== "unsure" ? "" : seen ? `${alarm.acknowledgement.user}: ${alarm.acknowledgement.comment}` : alarmWord(alarm)),
      el("button", { type: "button", "data-alarm": alarm.id, onclick: () => look(alarm.id), "aria-label": `${verb === "Look" ? "Look at" : verb}: ${alarm.title}` }, verb)));
}

const doubt = (reading) => el("li.doubt", {}, el("b", {}, reading.title), ` (${reading.subject}): ${reading.reason}`);
