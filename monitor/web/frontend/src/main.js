// The page, put together: one store, one live socket, and panels that watch the store. Owns the order of starting.

import { installAlarmDialog, installHistory } from "./alarms/dialog.js";
import { installAlarms } from "./alarms/panel.js";
import { installBuilds } from "./builds/dialog.js";
import { installCalibration } from "./calibration/dialog.js";
import { installBanner } from "./chrome/banner.js";
import { installEmpty } from "./chrome/empty.js";
import { installHelp } from "./chrome/help.js";
import { installKeys } from "./chrome/keys.js";
import { installPerson } from "./chrome/person.js";
import { installTheme } from "./chrome/theme.js";
import { installTop } from "./chrome/top.js";
import { installScrubber } from "./layers/scrubber.js";
import { mark } from "./dom.js";
import { keepAddress, readHash, readLiked } from "./model/address.js";
import { startAlarms } from "./model/alarms.js";
import { liveAddress } from "./model/api.js";
import { follow } from "./model/live.js";
import { startOther } from "./model/other.js";
import { startSession } from "./model/session.js";
import { makeStore } from "./model/store.js";
import { installPictures } from "./pictures/panel.js";
import { installBuild } from "./side/build.js";
import { installFacts } from "./side/facts.js";
import { installMachine } from "./side/machine.js";
import { installParts } from "./side/parts.js";
import { installProblems } from "./side/problems.js";
import { installReplay } from "./side/replay.js";
import { installTabs } from "./side/tabs.js";
import { installSolid } from "./solid/panel.js";
import { installTips } from "./tip.js";
import { installTrends } from "./trends/panel.js";

const LIKED = {
  view: "upscaled",
  compare: matchMedia("(min-width: 900px)").matches ? "split" : "wipe",
  against: "rectified",
  over: "mask",
  overlay: 0.35,
  wipe: 0.5,
  reference: false,
  points: false,
  stretch: true,
  colour: "height",
  cut: "layer",
  cutAt: 0.5,
  tab: "layer",
  theme: "auto",
};
const NOTHING_YET = {
  live: null, connection: "connecting", lostAt: null, chosen: null, set: "", usual: "", layer: null, follow: true,
  build: null, builds: [], rows: [], legend: {}, layerView: null, loaded: false, notice: null, trouble: null,
  other: null, otherSet: "", otherBuild: null, otherRows: [], mesh: null, history: [], me: null, focus: null,
};

const store = makeStore({ ...NOTHING_YET, ...LIKED, ...readLiked(LIKED), ...readHash(location.hash) });
const at = (id) => document.getElementById(id);

installTheme(store);
installTips(at("tip"));
const person = installPerson(store);
const look = installAlarmDialog(store, person.asPerson);
const seeAlarms = () => {
  at("alarms").scrollIntoView({ block: "nearest" });
  at("alarms").querySelector("button[data-alarm]")?.focus();
};
const windows = { help: installHelp().open, builds: installBuilds(store), alarms: seeAlarms, person: person.open };
installTop(at("top"), store, windows);
installBanner(at("banner"), store, seeAlarms);
installEmpty(at("empty"), store);
const { layerOf } = startSession(store);
startOther(store);
startAlarms(store);
installPictures(at("pictures"), store, layerOf);
installSolid(at("solid"), store);
installTrends(at("trends"), store);
installAlarms(at("alarms"), store, { look, history: installHistory(store, look) });
installBuild(at("glance"), store);
installReplay(at("replay"), store, person.asPerson);
installMachine(at("machine"), store);
installCalibration(at("machine"), store, person.asPerson);
installTabs(at("about"), store, [{ id: "layer", name: "This layer", panel: at("facts") }, { id: "parts", name: "Parts", panel: at("parts") }, { id: "problems", name: "Problems", panel: at("problems") }]);
installFacts(at("facts"), store);
installParts(at("parts"), store);
installProblems(at("problems"), store);
installScrubber(at("scrub"), store);
installKeys(store, windows);
keepAddress(store);

follow(liveAddress(), {
  onState: (live) => {
    if (live.product !== store.state.live?.product) mark(`products of layer ${live.product}`);
    store.set({ live });
  },
  onConnection: (connection) => {
    if (connection === store.state.connection) return;
    store.set({ connection, lostAt: connection === "lost" ? new Date() : null });
    document.body.classList.toggle("lost", connection === "lost");
  },
});
