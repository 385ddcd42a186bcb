// What stands around the part: the plate with lines at a round spacing, frames of missing layers, lights. Pure.

import {
  AmbientLight, BoxGeometry, BufferGeometry, Color, DirectionalLight, EdgesGeometry, Float32BufferAttribute, HemisphereLight,
  LineBasicMaterial, LineSegments,
} from "three";
import { gridStep } from "./slab.js";

const BELOW = -0.02;

/** Lines over the plate, at multiples of a round spacing, in world coordinates. */
export function makePlate(x, y, colour) {
  const step = gridStep(Math.max(x[1] - x[0], y[1] - y[0]));
  const points = [];
  const line = (x0, y0, x1, y1) => points.push(x0, BELOW, y0, x1, BELOW, y1);
  for (const at of multiples(x, step)) line(at, y[0], at, y[1]);
  for (const at of multiples(y, step)) line(x[0], at, x[1], at);
  for (const at of x) line(at, y[0], at, y[1]);
  for (const at of y) line(x[0], at, x[1], at);
  const geometry = new BufferGeometry().setAttribute("position", new Float32BufferAttribute(points, 3));
  return new LineSegments(geometry, new LineBasicMaterial({ color: new Color(colour) }));
}

const multiples = ([low, high], step) => {
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => (first + i) * step);
};

/** The outline of the room of layers whose place in the volume is unknown, in plate mm (x, y, height). */
export function gapFrame({ x_mm: [x0, x1], y_mm: [y0, y1] }, { bottom_mm: low, top_mm: high }) {
  const [wide, deep] = [(x1 - x0) * 0.9, (y1 - y0) * 0.9];
  const box = new BoxGeometry(wide, deep, Math.max(high - low, 1e-4)).translate((x0 + x1) / 2, (y0 + y1) / 2, (low + high) / 2);
  return new EdgesGeometry(box);
}

/** A sun, a weaker light from the side, and the sky. */
export function makeLights() {
  const sun = new DirectionalLight(0xffffff, 2.1);
  sun.position.set(-0.6, 1, 0.7);
  const side = new DirectionalLight(0xbcd2ff, 0.7);
  side.position.set(0.9, 0.3, 0.2);
  return [new AmbientLight(0xffffff, 0.35), new HemisphereLight(0xffffff, 0x6a5a48, 0.7), sun, side];
}
