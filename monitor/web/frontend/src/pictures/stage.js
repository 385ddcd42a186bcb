// One canvas that shows a picture, or two with a wipe. Owns drawing and the gestures on it; refuses to fetch.

import { cssColour, onFrame } from "../dom.js";
import { FIT, MOST_ZOOM, bar, pan, place, pointAt, zoomAt } from "./view.js";

const KEY_PAN = 60;
const KEY_ZOOM = 1.3;
const HANDLE_REACH = 18;
const SHARP_FROM = 3;

/**
 * scene: {size: [columns, rows], mmPerPixel, left, right, wipe, overlay, overlayAlpha, outline, points}
 *   left: what is drawn, right: what is drawn right of the wipe (or null).
 */
export class Stage {
  constructor(canvas, { onView, onWipe, onHover }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.view = FIT;
    this.scene = null;
    this.on = { onView, onWipe, onHover };
    this.draw = onFrame(() => this.#paint());
    this.#gestures();
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  show(scene) {
    this.scene = scene;
    this.draw();
  }

  look(view) {
    this.view = view;
    // A fitted picture lets a finger scroll the page; a zoomed one takes every gesture.
    this.canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y";
    this.draw();
  }

  get box() {
    return [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  /** Device pixels that a whole picture of this size covers. */
  pixelsAcross(size) {
    return size[0] * place(this.view, size, this.box).scale * devicePixelRatio;
  }

  #resize() {
    const ratio = devicePixelRatio;
    const [width, height] = this.box.map((length) => Math.max(1, Math.round(length * ratio)));
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.#paint();
    this.on.onView(this.view, false);
  }

  #paint() {
    const { context, scene } = this;
    const ratio = devicePixelRatio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = cssColour("--stage");
    context.fillRect(0, 0, ...this.box);
    if (!scene?.size) return;
    const at = place(this.view, scene.size, this.box);
    const edge = scene.right ? this.#wipeAt() : this.box[0];
    if (scene.left) this.#picture(scene.left, at, 0, edge);
    if (scene.right) this.#picture(scene.right, at, edge, this.box[0]);
    this.#marks(at);
    if (scene.right) this.#handle(edge);
    this.#bar(at);
  }

  #picture(picture, at, from, to) {
    const { context, scene } = this;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.box[1]);
    context.clip();
    this.#put(picture, at, scene.size);
    context.restore();
  }

  #put(picture, { scale, left, top }, [width, height], alpha = 1) {
    const { context } = this;
    context.globalAlpha = alpha;
    context.imageSmoothingEnabled = scale * devicePixelRatio * (width / picture.width) < SHARP_FROM;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, left, top, width * scale, height * scale);
    context.globalAlpha = 1;
  }

  #marks(at) {
    const { context, scene } = this;
    if (scene.overlay && scene.overlayAlpha > 0) this.#put(scene.overlay, at, scene.size, scene.overlayAlpha);
    if (scene.outline) this.#put(scene.outline, at, scene.size);
    if (!scene.points?.length) return;
    context.lineWidth = 1.5;
    for (const [column, row] of scene.points) {
      context.beginPath();
      context.arc(at.left + (column + 0.5) * at.scale, at.top + (row + 0.5) * at.scale, 3.5, 0, 7);
      context.fillStyle = "#fff";
      context.strokeStyle = "#000";
      context.fill();
      context.stroke();
    }
  }

  #wipeAt() {
    const { left, scale } = place(this.view, this.scene.size, this.box);
    const low = Math.max(0, left);
    const high = Math.min(this.box[0], left + this.scene.size[0] * scale);
    return low + (high - low) * this.scene.wipe;
  }

  #handle(x) {
    const { context } = this;
    const y = this.box[1] / 2;
    context.fillStyle = "#fff";
    context.shadowColor = "rgb(0 0 0 / 60%)";
    context.shadowBlur = 4;
    context.fillRect(x - 1, 0, 2, this.box[1]);
    context.beginPath();
    context.arc(x, y, 15, 0, 7);
    context.fill();
    context.shadowBlur = 0;
    context.strokeStyle = "#14202b";
    context.lineWidth = 2;
    context.beginPath();
    for (const side of [-1, 1]) {
      context.moveTo(x + side * 4, y - 5);
      context.lineTo(x + side * 9, y);
      context.lineTo(x + side * 4, y + 5);
    }
    context.stroke();
  }

  #bar({ scale }) {
    const { context, scene } = this;
    if (!scene.mmPerPixel) return;
    const { pixels, label } = bar(scene.mmPerPixel, scale, Math.min(160, this.box[0] / 3));
    const [x, y] = [14, this.box[1] - 16];
    context.font = `600 12px ${getComputedStyle(this.canvas).fontFamily}`;
    context.fillStyle = "rgb(8 10 13 / 72%)";
    context.beginPath();
    context.roundRect(x - 8, y - 22, Math.max(pixels, context.measureText(label).width) + 16, 32, 6);
    context.fill();
    context.fillStyle = "#fff";
    context.fillRect(x, y, pixels, 3);
    context.fillRect(x, y - 4, 1.5, 7);
    context.fillRect(x + pixels - 1.5, y - 4, 1.5, 7);
    context.fillText(label, x, y - 8);
  }

  // ── gestures ────────────────────────────────────────────────────────────────

  #set(view) {
    this.on.onView(view, true);
  }

  #point(event) {
    const at = this.canvas.getBoundingClientRect();
    return [event.clientX - at.left, event.clientY - at.top];
  }

  #zoom(point, factor) {
    if (this.scene?.size) this.#set(zoomAt(this.view, this.scene.size, this.box, point, factor));
  }

  zoomBy(factor) {
    this.#zoom([this.box[0] / 2, this.box[1] / 2], factor);
  }

  #gestures() {
    const { canvas } = this;
    const fingers = new Map();
    let wiping = false;

    canvas.addEventListener("pointerdown", (event) => {
      if (!this.scene?.size || event.button > 0) return;
      const point = this.#point(event);
      wiping = Boolean(this.scene.right) && Math.abs(point[0] - this.#wipeAt()) < HANDLE_REACH;
      if (event.pointerType === "touch" && !wiping && this.view.zoom === 1 && !fingers.size) {
        fingers.set(event.pointerId, point); // a second finger may follow; until then the page may scroll
        return;
      }
      fingers.set(event.pointerId, point);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const point = this.#point(event);
      this.#hover(point, event.pointerType);
      const before = fingers.get(event.pointerId);
      if (!before) return;
      if (wiping) this.#wipeTo(point[0]);
      else if (fingers.size === 2) this.#pinch(fingers, event.pointerId, point);
      else if (this.view.zoom > 1) this.#set(pan(this.view, this.scene.size, this.box, [point[0] - before[0], point[1] - before[1]]));
      fingers.set(event.pointerId, point);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => { fingers.delete(event.pointerId); wiping = false; });
    }
    canvas.addEventListener("pointerleave", () => this.on.onHover(null));
    canvas.addEventListener("wheel", (event) => {
      if (!this.#takesWheel(event)) return;
      event.preventDefault();
      this.#zoom(this.#point(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
    }, { passive: false });
    canvas.addEventListener("dblclick", (event) => {
      if (this.view.zoom > 1) this.#set(FIT);
      else this.#zoom(this.#point(event), 4);
    });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Where the page itself can scroll, a plain wheel is the page's, unless the picture is in use. */
  #takesWheel(event) {
    const scrolls = document.documentElement.scrollHeight > innerHeight + 1;
    return !scrolls || event.ctrlKey || document.activeElement === this.canvas || this.view.zoom > 1;
  }

  #pinch(fingers, moved, point) {
    const [other] = [...fingers].filter(([id]) => id !== moved).map(([, at]) => at);
    const before = fingers.get(moved);
    const spread = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    const middle = [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2];
    this.#zoom(middle, spread(point) / Math.max(spread(before), 1));
  }

  #wipeTo(x) {
    const { left, scale } = place(this.view, this.scene.size, this.box);
    const low = Math.max(0, left);
    const high = Math.min(this.box[0], left + this.scene.size[0] * scale);
    this.on.onWipe(Math.min(Math.max((x - low) / (high - low), 0), 1));
  }

  #hover(point, pointer) {
    const { canvas, scene } = this;
    if (!scene?.size) return;
    const onHandle = scene.right && Math.abs(point[0] - this.#wipeAt()) < HANDLE_REACH;
    canvas.style.cursor = onHandle ? "ew-resize" : this.view.zoom > 1 ? "grab" : "crosshair";
    if (pointer !== "touch") this.on.onHover(pointAt(this.view, scene.size, this.box, point));
  }

  #key(event) {
    const moves = { ArrowLeft: [KEY_PAN, 0], ArrowRight: [-KEY_PAN, 0], ArrowUp: [0, KEY_PAN], ArrowDown: [0, -KEY_PAN] };
    if (!this.scene?.size || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "+" || event.key === "=") this.zoomBy(KEY_ZOOM);
    else if (event.key === "-") this.zoomBy(1 / KEY_ZOOM);
    else if (event.key === "0") this.#set(FIT);
    else if (this.view.zoom > 1 && this.view.zoom <= MOST_ZOOM && moves[event.key]) {
      this.#set(pan(this.view, this.scene.size, this.box, moves[event.key]));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
