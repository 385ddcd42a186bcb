// The page, put together: one store, one live socket, and panels that watch the store. Owns the order of starting.

import { installBanner } from "./chrome/banner.js";
import { installEmpty } from "./chrome/empty.js";
import { installKeys } from "./chrome/keys.js";
import { installTop } from "./chrome/top.js";
import { installScrubber } from "./layers/scrubber.js";
import { keepAddress, readHash, readLiked } from "./model/address.js";
import { liveAddress } from "./model/api.js";
import { follow } from "./model/live.js";
import { startSession } from "./model/session.js";
import { makeStore } from "./model/store.js";
import { installPictures } from "./pictures/panel.js";
import { installFacts } from "./side/facts.js";
import { installMachine } from "./side/machine.js";
import { installProblems } from "./side/problems.js";
import { installSolid } from "./solid/panel.js";
import { installTips } from "./tip.js";
import { installTrends } from "./trends/panel.js";

const LIKED = {
  view: "upscaled",
  compare: matchMedia("(min-width: 900px)").matches ? "split" : "wipe",
  overlay: 0.35,
  wipe: 0.5,
  reference: false,
  points: false,
  stretch: true,
  cut: true,
};
const NOTHING_YET = {
  live: null, connection: "connecting", lostAt: null, chosen: null, layer: null, follow: true,
  build: null, builds: [], rows: [], legend: {}, layerView: null, loaded: false, notice: null, trouble: null,
};

const store = makeStore({ ...NOTHING_YET, ...LIKED, ...readLiked(LIKED), ...readHash(location.hash) });
const at = (id) => document.getElementById(id);

installTips(at("tip"));
installTop(at("top"), store);
installBanner(at("banner"), store);
installEmpty(at("empty"), store);
const { layerOf } = startSession(store);
installPictures(at("pictures"), store, layerOf);
installSolid(at("solid"), store);
installTrends(at("trends"), store);
installFacts(at("facts"), store);
installProblems(at("problems"), store);
installMachine(at("machine"), store);
installScrubber(at("scrub"), store);
installKeys(store);
keepAddress(store);

follow(liveAddress(), {
  onState: (live) => store.set({ live }),
  onConnection: (connection) => {
    if (connection === store.state.connection) return;
    store.set({ connection, lostAt: connection === "lost" ? new Date() : null });
  },
});
