// One canvas that shows a picture, or two with a wipe. Owns drawing; refuses to fetch.

import { cssColour, onFrame, onScheme, rem } from "../dom.js";
import { installGestures } from "./gestures.js";
import { FIT, bar, place } from "./view.js";

const SHARP_FROM = 3;

/**
 * scene: {size: [columns, rows], mmPerPixel, left, right, wipe, overlay, leftOverlay, overlayAlpha, outline, points}
 *   left: what is drawn, right: what is drawn right of the wipe (or null), each with what lies over it.
 */
export class Stage {
  constructor(canvas, { onView, onWipe, onHover }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.view = FIT;
    this.scene = null;
    this.on = { onView, onWipe, onHover };
    this.draw = onFrame(() => this.#paint());
    installGestures(this);
    new ResizeObserver(() => this.#resize()).observe(canvas);
    onScheme(this.draw);
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
    const edge = scene.right ? this.wipeAt() : this.box[0];
    if (scene.left) this.#picture(scene.left, scene.leftOverlay, at, 0, edge);
    if (scene.right) this.#picture(scene.right, scene.overlay, at, edge, this.box[0]);
    this.#marks(at);
    if (scene.right) this.#handle(edge);
    this.#bar(at);
  }

  #picture(picture, overlay, at, from, to) {
    const { context, scene } = this;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.box[1]);
    context.clip();
    this.#put(picture, at, scene.size);
    if (overlay && scene.overlayAlpha > 0) this.#put(overlay, at, scene.size, scene.overlayAlpha);
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

  /** Where the wipe is, in canvas pixels from the left. */
  wipeAt() {
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
    const letter = rem(0.8);
    const { pixels, label } = bar(scene.mmPerPixel, scale, Math.min(letter * 13, this.box[0] / 3));
    const [x, y] = [letter * 1.2, this.box[1] - letter * 1.4];
    context.font = `600 ${letter}px ${getComputedStyle(this.canvas).fontFamily}`;
    context.fillStyle = "rgb(8 10 13 / 72%)";
    context.beginPath();
    context.roundRect(x - letter * 0.7, y - letter * 1.85, Math.max(pixels, context.measureText(label).width) + letter * 1.4, letter * 2.7, letter / 2);
    context.fill();
    context.fillStyle = "#fff";
    context.fillRect(x, y, pixels, letter / 4);
    context.fillRect(x, y - letter / 3, 1.5, letter * 0.58);
    context.fillRect(x + pixels - 1.5, y - letter / 3, 1.5, letter * 0.58);
    context.fillText(label, x, y - letter * 0.6);
  }
}
