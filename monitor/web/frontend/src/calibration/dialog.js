// Calibrating a camera by the shown layer's picture: corners or parts, the residuals, and accepting. Engineers only.
// Owns the window; the server finds, fits and keeps.

import { field, makeDialog, makeTrouble } from "../chrome/dialog.js";
import { el } from "../dom.js";
import { getJson, postJson } from "../model/api.js";
import { clock, number } from "../words.js";

const WAYS = { corners: "Corners of the plate, found in the picture", clicked: "Corners of the plate grid, clicked in the picture", parts: "Parts of the layer" };
const MAY = ["engineer", "admin"];

/** A button at the end of `panel` for who may, and the window behind it. */
export function installCalibration(panel, store, asPerson) {
  const dialog = makeDialog("calibration", "Calibrate a camera");
  const button = el("button", { type: "button", hidden: true, onclick: () => { dialog.body.replaceChildren(...content(store, asPerson)); dialog.open(); } }, "Calibrate a camera");
  panel.append(button);
  store.watch(["me", "build"], ({ me, build }) => { button.hidden = !MAY.includes(me?.role) || !build; });
}

function content(store, asPerson) {
  const { build, layerView } = store.state;
  const camera = field("Camera", { id: "calibration-camera", onchange: () => look() }, "select");
  const way = field("By", { id: "calibration-way", onchange: () => look() }, "select");
  camera.control.append(...build.cameras.map(({ name }) => el("option", { value: name }, name)));
  way.control.append(...Object.entries(WAYS).map(([value, text]) => el("option", { value }, text)));
  const corners = field("Corners: column,row of each, clockwise from the grid's first pixel", { id: "calibration-corners", autocomplete: "off", placeholder: "100,80 900,90 890,700 95,690" });
  const lens = field("Fit the lens's distortion as well", { id: "calibration-lens", type: "checkbox" });
  const place = el("div.calibration-picture");
  const trouble = makeTrouble();
  const found = el("div", { "aria-live": "polite" });
  const held = el("p.dim");
  const send = el("button.main", { type: "submit" }, "Calibrate");
  const path = () => `calibrations/${encodeURIComponent(camera.control.value)}`;

  async function look() {
    const chosen = build.cameras.find(({ name }) => name === camera.control.value);
    const picture = layerView?.pictures[chosen.role] ?? layerView?.pictures[chosen.name];
    const clicked = way.control.value === "clicked";
    corners.node.hidden = !clicked;
    lens.node.hidden = clicked;
    found.replaceChildren();
    place.replaceChildren(picture ? el("img", { src: `${picture.url}&width=1000`, alt: `Picture of ${chosen.name} in layer ${layerView.index}`, onclick: (event) => clicked && add(event, picture) }) : el("p.dim", {}, "This layer has no picture of that camera."));
    const versions = await getJson(path()).catch(() => []);
    held.textContent = heldWords(versions[0]);
  }
  function add({ target, offsetX, offsetY }, picture) {
    const at = [offsetX / target.clientWidth * picture.width, offsetY / target.clientHeight * picture.height].map((value) => value.toFixed(1)).join(",");
    const before = corners.control.value.trim().split(/\s+/).filter(Boolean);
    corners.control.value = [...(before.length < 4 ? before : []), at].join(" ");
  }
  async function attempt(event) {
    event.preventDefault();
    trouble.tell(null);
    found.replaceChildren();
    send.disabled = true;
    try {
      const order = { way: way.control.value === "parts" ? "parts" : "corners", build: build.id, layer: layerView?.index ?? null, lens: lens.control.checked && way.control.value !== "clicked" };
      if (way.control.value === "clicked") order.corners_px = readCorners(corners.control.value);
      show(await asPerson(() => postJson(`${path()}/trials`, order), "engineer"));
    } catch (error) {
      trouble.tell(error);
    }
    send.disabled = false;
  }
  function show(trial) {
    const accept = el("button.main", { type: "button" }, "Accept from the next build on");
    accept.addEventListener("click", async () => {
      accept.disabled = true;
      try {
        const kept = await asPerson(() => postJson(path(), { digest: trial.digest }), "engineer");
        found.replaceChildren(el("p", {}, `Calibration ${kept.number} holds from the next build on.`));
        held.textContent = heldWords(kept);
      } catch (error) {
        trouble.tell(error);
        accept.disabled = false;
      }
    });
    found.replaceChildren(...trialWords(trial).map((words) => el("p", {}, words)),
      el("img.calibration-residuals", { src: trial.picture_url, alt: "Arrows from where each point should be to where it is seen, magnified, and how often each distance is" }), accept);
    accept.scrollIntoView({ block: "nearest" });
  }
  look();
  return [held, el("form.stack", { onsubmit: attempt }, camera.node, way.node, place, corners.node, lens.node, trouble.node, send), found];
}

/** Four pairs of numbers from a text; throws words for a person. Pure. */
export function readCorners(text) {
  const pairs = text.trim().split(/\s+/).filter(Boolean).map((pair) => pair.split(",").map(Number));
  if (pairs.length === 4 && pairs.every((pair) => pair.length === 2 && pair.every(Number.isFinite))) return pairs;
  throw Object.assign(new Error("four corners are needed"), { what: "four corners are needed", cure: "click them in the picture, clockwise from the grid's first pixel" });
}

/** What a trial says of itself, in sentences. Pure. */
export function trialWords({ made_of, source, goodness: g }) {
  return [
    `${made_of}, by ${source}: ${number(g.um_per_px, 5)} ± ${number(g.um_per_px_90, 2)} µm per pixel in the middle; places are right to ${number(g.place_um_90, 2)} µm at the worst place (90 %).`,
    `${g.points} points lie ${number(g.residual_px, 2)} px beside where the calibration puts them${g.assumed ? `; taken for granted: ${g.assumed}` : ""}.`,
  ];
}

/** Which calibration holds. Pure. */
export function heldWords(version) {
  return version ? `Calibration ${version.number} holds: ${version.made_of}, accepted by ${version.by} at ${clock(version.accepted)}.` : "No calibration of this camera was accepted: the configuration's corners hold, where it has some.";
}
