// Alarms as the page knows them. Owns asking for the history and acknowledging; the rest is pure.

import { getJson, postJson } from "./api.js";

const RANK = { alarm: 0, warning: 1, notice: 2 };
const LIGHT = { alarm: "bad", warning: "warn", notice: "off" };

/** The light of an alarm: what went away by itself no longer burns. Pure. */
export const lightOf = (alarm) => (alarm.active ? LIGHT[alarm.severity] : "off");

/** Alarms that nobody has seen. Pure. */
export const unseen = (open) => open.filter(({ state }) => state === "unacknowledged" || state === "returned");

/** Worst severity first, newest first among equals. Pure. */
export const byUrgency = (a, b) => Number(b.active) - Number(a.active) || RANK[a.severity] - RANK[b.severity] || b.raised.localeCompare(a.raised);

/** One line for the whole plant: {light, words}, null where no alarm waits for a person. Pure. */
export function summaryOf(open) {
  const waiting = unseen(open).sort(byUrgency);
  if (!waiting.length) return null;
  const [first] = waiting;
  if (!first.active) return { light: "off", words: `${waiting.length === 1 ? "An alarm is" : `${waiting.length} alarms are`} over and not acknowledged, the last: ${first.title}` };
  const more = waiting.length > 1 ? ` (and ${waiting.length - 1} more)` : "";
  return { light: lightOf(first), words: `${first.title}: ${first.reason}${more}` };
}

const STATES = { unacknowledged: "not acknowledged", acknowledged: "acknowledged", returned: "over, not acknowledged", closed: "over" };

/** The state of an alarm in words. Pure. */
export const alarmWord = ({ state, cause }) => `${cause === "unsure" ? "not sure · " : ""}${STATES[state] ?? state}`;

/** Layers of a build that alarms were raised at: {index: light}. Pure. */
export function alarmMarks(alarms, build) {
  const marks = new Map();
  for (const alarm of alarms) {
    if (alarm.layer === null || alarm.build !== build) continue;
    if (marks.get(alarm.layer) !== "alarm") marks.set(alarm.layer, alarm.severity);
  }
  return marks;
}

/** Whether acknowledging is offered: to an operator, and to who has not said a name yet. Pure. */
export const mayAcknowledge = (me) => !me?.name || me.may.includes("operator");

export const acknowledge = (id, comment) => postJson(`alarms/${encodeURIComponent(id)}/acknowledge`, { comment });

/** Keep `alarms` {open, history} true: open ones from the live state, the history of the shown build when those change. */
export function startAlarms(store) {
  const { state } = store;
  let asked = "";
  const load = async () => {
    const build = state.build?.id;
    const open = state.live?.alarms?.open ?? [];
    const key = `${build} ${open.map(({ id, state: at }) => id + at)}`;
    if (!build || key === asked) return;
    asked = key;
    try {
      const { history } = await getJson(`alarms?build=${encodeURIComponent(build)}`);
      if (key === asked) store.set({ history });
    } catch {
      asked = ""; // the open ones are known; the history is asked for again with the next state
    }
  };
  store.watch(["live", "build"], load);
}
