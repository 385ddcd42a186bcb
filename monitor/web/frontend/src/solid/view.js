// The part in three dimensions. Owns the renderer and the camera; draws when something changed, never in a loop.
//
// The plate's numbers are x right, y down, height up; the world's are x right, y up, z towards the viewer. One matrix
// swaps them (and so turns the triangles' sense, which three undoes for matrices that mirror).

import {
  BackSide, BufferAttribute, BufferGeometry, Color, Group, LineBasicMaterial, LineSegments, Matrix4, Mesh, MeshBasicMaterial,
  MeshLambertMaterial, PerspectiveCamera, Plane, Scene, Vector3, WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { cssColour, onFrame, onScheme } from "../dom.js";
import { gapFrame, makeLights, makePlate } from "./scenery.js";

const FROM = new Vector3(0.72, 0.62, 1.1);
const GHOST = 0.13;
const FAR = 1e9;
// Where the kept side of a cut lies, in world coordinates.
const AXES = { height: new Vector3(0, -1, 0), x: new Vector3(-1, 0, 0), y: new Vector3(0, 0, -1) };

const BY_PROCESSOR = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Whether more than the processor draws: smooth edges would make that three times slower. */
function hasGraphicsCard() {
  const context = document.createElement("canvas").getContext("webgl2");
  const said = context?.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL;
  const name = context?.getParameter(said ?? context.RENDERER);
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return !BY_PROCESSOR.test(name);
}

export class SolidView {
  #slabs = new Map();
  #gaps = new Group();
  #parts = new Group();
  #plate = null;
  #framed = "";
  #turned = false;
  #placed = "";
  #cutAt = null;
  #cutKey = "";
  #open = [];
  #frames = "";
  #cut = new Plane(new Vector3(0, -1, 0), FAR);
  #above = new Plane(new Vector3(0, 1, 0), -FAR);
  #solid = new MeshLambertMaterial({ clippingPlanes: [this.#cut] });
  // Seen through a cut, the far walls' insides in one flat colour look like the cut's face.
  #inside = new MeshBasicMaterial({ clippingPlanes: [this.#cut], side: BackSide });
  #ghost = new MeshLambertMaterial({ clippingPlanes: [this.#above], transparent: true, opacity: GHOST, depthWrite: false });
  #gap = new LineBasicMaterial();

  /** Throws where the browser has no WebGL. */
  constructor(canvas) {
    this.canvas = canvas;
    this.renderer = new WebGLRenderer({ canvas, antialias: hasGraphicsCard() });
    this.renderer.localClippingEnabled = true;
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(32, 1, 0.1, 10000);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.maxPolarAngle = Math.PI * 0.62;
    this.draw = onFrame(() => this.renderer.render(this.scene, this.camera));
    this.controls.addEventListener("change", this.draw);
    this.controls.addEventListener("start", () => { this.#turned = true; });
    this.scene.add(this.#parts, this.#gaps, ...makeLights());
    this.#parts.matrixAutoUpdate = this.#gaps.matrixAutoUpdate = false;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    onScheme(() => this.#colours());
    this.#colours();
  }

  /** Where the part is, mm, and how much larger heights are drawn. */
  place({ x_mm: x, y_mm: y, bottom_mm: bottom, top_mm: top }, stretch) {
    const key = [x, y, bottom, stretch].join();
    this.box = { x, y, bottom, top, stretch };
    if (key === this.#placed) return;
    this.#placed = key;
    const swap = new Matrix4().set(1, 0, 0, 0, 0, 0, stretch, -bottom * stretch, 0, 1, 0, 0, 0, 0, 0, 1);
    for (const group of [this.#parts, this.#gaps]) {
      group.matrix.copy(swap);
      group.matrixWorldNeedsUpdate = true;
    }
    if (this.#plate) this.scene.remove(this.#plate);
    this.#plate = makePlate(x, y, cssColour("--grid"));
    this.scene.add(this.#plate);
    this.draw();
  }

  /** Look at the whole part. With a name (of a build): only as long as the user has not turned that build. */
  frame(name = "") {
    if (name && name === this.#framed && this.#turned) return;
    this.#framed = name || this.#framed;
    this.#turned = false;
    const { x, y, bottom, top, stretch } = this.box;
    const size = Math.hypot(x[1] - x[0], y[1] - y[0], (top - bottom) * stretch);
    const target = new Vector3((x[0] + x[1]) / 2, ((top - bottom) * stretch) / 2, (y[0] + y[1]) / 2);
    const away = (size / 2 / Math.sin((this.camera.fov * Math.PI) / 360)) * Math.max(0.86, 0.93 / this.camera.aspect);
    this.camera.position.copy(FROM).normalize().multiplyScalar(away).add(target);
    this.camera.near = size / 100;
    this.camera.far = size * 20;
    this.camera.updateProjectionMatrix();
    this.controls.target.copy(target);
    this.controls.minDistance = size / 20;
    this.controls.maxDistance = size * 5;
    this.controls.update();
    this.draw();
  }

  /** Turn by angles (radians) about the plate's normal and towards it. */
  turn(around, over) {
    this.#turned = true;
    const offset = this.camera.position.clone().sub(this.controls.target);
    const side = new Vector3().crossVectors(this.camera.up, offset).normalize();
    offset.applyAxisAngle(this.camera.up, around).applyAxisAngle(side, over);
    this.camera.position.copy(this.controls.target).add(offset);
    this.controls.update();
    this.draw();
  }

  get addresses() {
    return [...this.#slabs.keys()];
  }

  add(address, { positions, normals, faces }) {
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(positions, 3));
    geometry.setAttribute("normal", new BufferAttribute(normals, 4, true));
    geometry.setIndex(new BufferAttribute(faces, 1));
    if (this.#solid.vertexColors) geometry.setAttribute("color", new BufferAttribute(new Uint16Array(positions.length).fill(20000), 3, true));
    const [solid, inside, ghost] = [this.#solid, this.#inside, this.#ghost].map((material) => new Mesh(geometry, material));
    ghost.renderOrder = 1;
    geometry.computeBoundingBox();
    const { min, max } = geometry.boundingBox;
    this.#slabs.set(address, { solid, inside, ghost, geometry, min, max, triangles: faces.length / 3 });
    this.#parts.add(solid, inside, ghost);
    this.#cull();
    this.draw();
  }

  drop(address) {
    const { solid, inside, ghost, geometry } = this.#slabs.get(address);
    this.#parts.remove(solid, inside, ghost);
    geometry.dispose();
    this.#slabs.delete(address);
    this.draw();
  }

  get triangles() {
    return [...this.#slabs.values()].reduce((sum, { triangles }) => sum + triangles, 0);
  }

  /** Show the room of missing layers (each with bottom_mm and top_mm) as frames around the part. */
  gaps(gaps, mesh) {
    const key = JSON.stringify(gaps);
    if (key === this.#frames) return;
    this.#frames = key;
    for (const { geometry } of this.#gaps.children) geometry.dispose();
    this.#gaps.clear();
    if (gaps.length) this.#gaps.add(...gaps.map((gap) => new LineSegments(gapFrame(mesh, gap), this.#gap)));
    this.#open = gaps.map((gap) => [gap.bottom_mm, gap.top_mm]);
    this.#cull();
    this.draw();
  }

  /** Show what lies beyond a place (mm) on an axis ("height", "x", "y") as a ghost; null shows everything. */
  cutAt(at) {
    const key = at && [at.axis, at.mm, this.box.bottom, this.box.stretch].join();
    if (key === this.#cutKey) return;
    this.#cutKey = key;
    const mm = at === null ? FAR : at.axis === "height" ? (at.mm - this.box.bottom) * this.box.stretch : at.mm;
    this.#cut.normal.copy(AXES[at?.axis ?? "height"]);
    this.#cut.constant = mm;
    this.#above.copy(this.#cut).negate();
    this.#cutAt = at;
    this.#cull();
    this.draw();
  }

  /** Leave out what a cut hides, and the insides that cannot be seen: a weak machine draws half as much. */
  #cull() {
    const { axis, mm } = this.#cutAt ?? { axis: "height", mm: FAR };
    for (const { solid, inside, ghost, min, max } of this.#slabs.values()) {
      const along = { height: "z", x: "x", y: "y" }[axis];
      solid.visible = min[along] < mm;
      ghost.visible = max[along] > mm;
      inside.visible = solid.visible && (ghost.visible || this.#open.some(([bottom, top]) => bottom < max.z && top > min.z));
    }
  }

  has(address) {
    return this.#slabs.has(address);
  }

  /** Height of every vertex of a slab, mm. */
  heights(address) {
    const { array, count } = this.#slabs.get(address).geometry.getAttribute("position");
    return Float32Array.from({ length: count }, (_, i) => array[3 * i + 2]);
  }

  /** Give the vertices of a slab their colours (Uint16, 3 a vertex, linear light × 65535). */
  tint(address, colours) {
    this.#slabs.get(address)?.geometry.setAttribute("color", new BufferAttribute(colours, 3, true));
    this.#coloured(true);
  }

  /** The whole part in one colour. */
  plain() {
    this.#coloured(false);
  }

  #coloured(on) {
    if (this.#solid.vertexColors !== on) {
      for (const material of [this.#solid, this.#ghost]) {
        material.vertexColors = on;
        material.needsUpdate = true;
      }
      this.#colours();
    }
    this.draw();
  }

  #colours() {
    this.#solid.color = this.#solid.vertexColors ? new Color(0xffffff) : new Color(cssColour("--solid"));
    this.#ghost.color = this.#solid.color;
    this.#inside.color = new Color(cssColour("--solid-cut"));
    this.#gap.color = new Color(cssColour("--bad"));
    this.renderer.setClearColor(cssColour("--solid-back"));
    this.#plate?.material.color.set(cssColour("--grid"));
    this.draw();
  }

  #resize() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.renderer.render(this.scene, this.camera);
  }
}
