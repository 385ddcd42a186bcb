// The strip under the scrubber: what each layer is, at a glance. Owns drawing it; `worst` is pure.

import { cssColour } from "../dom.js";
import { problem } from "../model/layers.js";

const RANK = ["ok", "pending", "unsure", "gap", "anomaly", "missing"];
const COLOUR = { ok: "--strip-ok", pending: "--strip-open", unsure: "--warn", gap: "--warn", anomaly: "--warn", missing: "--bad" };
// Height from the bottom, as a share of the strip: problems stand out in shape as well as in colour.
const RISE = { ok: 0.42, pending: 0.2, unsure: 0.55, gap: 0.7, anomaly: 0.85, missing: 1 };

/** The kind of a row as the strip shows it. */
export const kindOfRow = (row) => problem(row)?.kind ?? row.state;

/** The worst kind in each of at most `cells` cells, so that no problem disappears between pixels. */
export function worst(rows, cells) {
  const n = Math.min(cells, rows.length);
  const found = Array.from({ length: n }, () => 0);
  rows.forEach((row, i) => {
    const cell = Math.floor((i * n) / rows.length);
    found[cell] = Math.max(found[cell], RANK.indexOf(kindOfRow(row)));
  });
  return found.map((rank) => RANK[rank]);
}

/** In which of at most `cells` cells of the strip alarms were raised, and how severe: [[cell, severity]]. Pure. */
export function markedCells(rows, marks, cells) {
  const n = Math.min(cells, rows.length);
  return rows.flatMap((row, i) => (marks.has(row.index) ? [[Math.floor((i * n) / rows.length), marks.get(row.index)]] : []));
}

const MARK = { alarm: "--bad", warning: "--warn", notice: "--dim" };

/** Draw the strip; `marks` are the alarms' layers {index: severity}; `thumb` is the width of the range's thumb, whose middle must meet the cells. */
export function drawStrip(canvas, rows, marks, thumb) {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const cells = worst(rows, Math.max(1, Math.floor(width - thumb)));
  const pitch = cells.length > 1 ? (width - thumb) / (cells.length - 1) : width - thumb;
  const wide = Math.max(1, Math.min(pitch - (pitch > 4 ? 1.5 : 0), 14));
  const middle = (cell) => thumb / 2 + cell * pitch;
  const colours = Object.fromEntries(RANK.map((kind) => [kind, cssColour(COLOUR[kind])]));
  cells.forEach((kind, i) => {
    const tall = Math.max(3, RISE[kind] * height);
    context.fillStyle = colours[kind];
    context.fillRect(middle(i) - wide / 2, height - tall, wide, tall);
  });
  for (const [cell, severity] of markedCells(rows, marks, cells.length)) flag(context, middle(cell), height, cssColour(MARK[severity]), cssColour("--panel"));
}

/** A diamond over the strip: an alarm was raised here. */
function flag(context, x, height, colour, edge) {
  const size = height * 0.3;
  context.beginPath();
  for (const [dx, dy] of [[0, -size], [size, 0], [0, size], [-size, 0]]) context.lineTo(x + dx, size + 1 + dy);
  context.closePath();
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = edge;
  context.stroke();
}
