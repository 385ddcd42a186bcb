// Where a picture lies on a canvas. Pure. A view is {x, y, zoom}: the picture's point in the middle, and how much finer
// than fitting it is; it holds for pictures and canvases of any size, so that linked panes share one.

export const FIT = Object.freeze({ x: 0.5, y: 0.5, zoom: 1 });
export const MOST_ZOOM = 64;
const MARGIN = 0.97;

/** Canvas pixels per picture pixel when the whole picture fits. */
export function fitScale([width, height], [w, h]) {
  return Math.min(w / width, h / height) * MARGIN;
}

/** {scale, left, top}: picture pixel p is drawn at left + p · scale. */
export function place(view, size, box) {
  const scale = fitScale(size, box) * view.zoom;
  return { scale, left: box[0] / 2 - view.x * size[0] * scale, top: box[1] / 2 - view.y * size[1] * scale };
}

/** The picture's point under a canvas point, in picture pixels. */
export function pointAt(view, size, box, [px, py]) {
  const { scale, left, top } = place(view, size, box);
  return [(px - left) / scale, (py - top) / scale];
}

/** Zoom by a factor so that the picture's point under `point` stays there. */
export function zoomAt(view, size, box, point, factor) {
  const zoom = Math.min(Math.max(view.zoom * factor, 1), MOST_ZOOM);
  const [u, v] = pointAt(view, size, box, point);
  const scale = fitScale(size, box) * zoom;
  const x = (u - (point[0] - box[0] / 2) / scale) / size[0];
  const y = (v - (point[1] - box[1] / 2) / scale) / size[1];
  return clamp({ x, y, zoom }, size, box);
}

/** Move by canvas pixels. */
export function pan(view, size, box, [dx, dy]) {
  const scale = fitScale(size, box) * view.zoom;
  return clamp({ ...view, x: view.x - dx / (size[0] * scale), y: view.y - dy / (size[1] * scale) }, size, box);
}

/** Keep the picture in the canvas: centred where it is smaller, without a gap where it is larger. */
export function clamp(view, size, box) {
  const scale = fitScale(size, box) * view.zoom;
  const inside = (at, length, room) => {
    const half = room / 2 / (length * scale);
    return half >= 0.5 ? 0.5 : Math.min(Math.max(at, half), 1 - half);
  };
  return { zoom: view.zoom, x: inside(view.x, size[0], box[0]), y: inside(view.y, size[1], box[1]) };
}

/** The view that shows a place on the plate, {centre_mm, size_mm}, with some room around it. */
export function viewOn({ centre_mm: centre, size_mm: wanted }, { origin_mm: origin, um_per_px: um, shape: [rows, columns] }, box) {
  const size = [columns, rows];
  const at = centre.map((mm, i) => ((mm - origin[i]) * 1000) / um + 0.5);
  const room = Math.min(...wanted.map((mm, i) => box[i] / Math.max((mm * 1000) / um, 1))) * 0.6;
  const zoom = Math.min(Math.max(room / fitScale(size, box), 1), MOST_ZOOM);
  return clamp({ x: at[0] / columns, y: at[1] / rows, zoom }, size, box);
}

/** A round length for a scale bar of at most `most` canvas pixels: {mm, pixels, label}. */
export function bar(mmPerPixel, scale, most) {
  const room = (most / scale) * mmPerPixel;
  const power = 10 ** Math.floor(Math.log10(room));
  const mm = [5, 2, 1].map((n) => n * power).find((length) => length <= room);
  const label = mm >= 1 ? `${mm} mm` : `${Math.round(mm * 1000)} µm`;
  return { mm, pixels: (mm / mmPerPixel) * scale, label };
}

/** Columns to ask the server for: enough for the screen, in steps so that few sizes are made. */
export function columnsFor(native, pixelsOnScreen) {
  for (const step of [256, 512, 1024, 2048, 4096]) if (step >= pixelsOnScreen && step < native) return step;
  return native;
}
