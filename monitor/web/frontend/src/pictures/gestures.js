// Mouse, touch, wheel and keys on a stage. Owns what a gesture means; refuses to draw.

import { FIT, pan, place, pointAt, zoomAt } from "./view.js";

const KEY_PAN = 60;
const KEY_ZOOM = 1.3;
const CLICK_ZOOM = 4;
const HANDLE_REACH = 18;

/** Make a stage (see stage.js) follow the user's hand; what it asks for goes through `stage.on`. */
export function installGestures(stage) {
  const { canvas } = stage;
  const ready = () => Boolean(stage.scene?.size);
  const look = (view) => stage.on.onView(view, true);
  const move = (by) => look(pan(stage.view, stage.scene.size, stage.box, by));
  const zoom = (point, factor) => look(zoomAt(stage.view, stage.scene.size, stage.box, point, factor));
  const middle = () => [stage.box[0] / 2, stage.box[1] / 2];
  const onHandle = (point) => Boolean(stage.scene.right) && Math.abs(point[0] - stage.wipeAt()) < HANDLE_REACH;

  pointers(stage, { ready, move, zoom, onHandle });
  canvas.addEventListener("wheel", (event) => {
    if (!ready() || !takesWheel(event, stage)) return;
    event.preventDefault();
    zoom(pointOf(event, canvas), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => {
    if (!ready()) return;
    if (stage.view.zoom > 1) look(FIT);
    else zoom(pointOf(event, canvas), CLICK_ZOOM);
  });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [KEY_PAN, 0], ArrowRight: [-KEY_PAN, 0], ArrowUp: [0, KEY_PAN], ArrowDown: [0, -KEY_PAN] };
    if (!ready() || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "+" || event.key === "=") zoom(middle(), KEY_ZOOM);
    else if (event.key === "-") zoom(middle(), 1 / KEY_ZOOM);
    else if (event.key === "0") look(FIT);
    else if (stage.view.zoom > 1 && moves[event.key]) move(moves[event.key]); // else the arrows change the layer
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function pointers(stage, { ready, move, zoom, onHandle }) {
  const { canvas } = stage;
  const fingers = new Map();
  let wiping = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (!ready() || event.button > 0) return;
    const point = pointOf(event, canvas);
    wiping = onHandle(point);
    const first = fingers.size === 0;
    fingers.set(event.pointerId, point);
    // A finger on a fitted picture may scroll the page; a second one may still follow.
    if (event.pointerType === "touch" && !wiping && stage.view.zoom === 1 && first) return;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!ready()) return;
    const point = pointOf(event, canvas);
    hover(stage, point, event.pointerType, onHandle(point));
    const before = fingers.get(event.pointerId);
    if (!before) return;
    if (wiping) stage.on.onWipe(wipeShare(stage, point[0]));
    else if (fingers.size === 2) pinch(fingers, event.pointerId, point, zoom);
    else if (stage.view.zoom > 1) move([point[0] - before[0], point[1] - before[1]]);
    fingers.set(event.pointerId, point);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (event) => { fingers.delete(event.pointerId); wiping = false; });
  }
  canvas.addEventListener("pointerleave", () => stage.on.onHover(null));
}

function pointOf(event, canvas) {
  const at = canvas.getBoundingClientRect();
  return [event.clientX - at.left, event.clientY - at.top];
}

/** Where the page itself can scroll, a plain wheel is the page's, unless the picture is in use. */
function takesWheel(event, { canvas, view }) {
  const scrolls = document.documentElement.scrollHeight > innerHeight + 1;
  return !scrolls || event.ctrlKey || document.activeElement === canvas || view.zoom > 1;
}

function pinch(fingers, moved, point, zoom) {
  const [other] = [...fingers].filter(([id]) => id !== moved).map(([, at]) => at);
  const spread = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
  zoom([(point[0] + other[0]) / 2, (point[1] + other[1]) / 2], spread(point) / Math.max(spread(fingers.get(moved)), 1));
}

function wipeShare({ view, scene, box }, x) {
  const { left, scale } = place(view, scene.size, box);
  const low = Math.max(0, left);
  const high = Math.min(box[0], left + scene.size[0] * scale);
  return Math.min(Math.max((x - low) / (high - low), 0), 1);
}

function hover(stage, point, pointer, handle) {
  stage.canvas.style.cursor = handle ? "ew-resize" : stage.view.zoom > 1 ? "grab" : "crosshair";
  if (pointer !== "touch") stage.on.onHover(pointAt(stage.view, stage.scene.size, stage.box, point));
}
