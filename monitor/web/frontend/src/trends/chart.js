// One chart over the layers (uPlot). Owns its look; refuses to know what is drawn.

import uPlot from "uplot";
import { cssColour, el, onScheme, rem } from "../dom.js";
import { number } from "../words.js";

const font = () => `${Math.round(rem(0.75))}px system-ui, sans-serif`;
const SYNC = "layers";

/** Ticks at the bottom for layers that are lost. */
function ticks(get) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = cssColour("--bad");
    const tick = Math.max(2, devicePixelRatio * 2);
    for (const index of get().lost) ctx.fillRect(plot.valToPos(index, "x", true) - tick / 2, bbox.top + bbox.height - tick * 3, tick, tick * 3);
    ctx.restore();
  };
}

/** A line at the shown layer, above the canvas, so that stepping draws no curve again. */
function shownLine(get) {
  const line = el("div.shown-layer");
  return (plot) => {
    if (!line.isConnected) plot.over.append(line);
    const { layer } = get();
    line.hidden = layer === null || !plot.data[0].length;
    if (!line.hidden) line.style.transform = `translateX(${plot.valToPos(layer, "x")}px)`;
  };
}

const axis = (more) => ({
  stroke: () => cssColour("--dim"),
  grid: { stroke: () => cssColour("--line"), width: 1 },
  ticks: { show: false },
  font: font(),
  ...more,
});

/**
 * A chart in `place`. `series` is [{colour, fill, dash}] (colour null: not drawn), `get` gives {layer, lost}, `onPick` is
 * called with a layer, `band` {between, colour, alpha} fills between two series.
 * Returns {set(data), move()}; `move` is called when the shown layer is another.
 */
export function makeChart(place, series, { get, onPick, zero, band }) {
  const line = shownLine(get);
  const options = {
    width: 300,
    height: 120,
    padding: [8, 10, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: SYNC, setSeries: false }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: false, range: (_, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) }, y: zero ? { range: (_, __, high) => [0, (high || 1) * 1.08] } : {} },
    axes: [
      axis({ size: rem(1.5), space: rem(4), values: (_, all) => all.map((at) => (Number.isInteger(at) ? String(at) : "")) }),
      axis({ size: rem(3.1), space: rem(1.8), values: (_, all) => all.map((value) => short(value, all)) }),
    ],
    bands: band ? [{ series: band.between, fill: () => `${cssColour(band.colour)}${band.alpha}` }] : [],
    series: [{}, ...series.map(({ colour, fill, dash }) => ({
      stroke: colour ? () => cssColour(colour) : undefined,
      dash,
      fill: fill ? () => `${cssColour(colour)}${fill}` : undefined,
      width: 1.5,
      spanGaps: false,
      points: { show: (plot) => Boolean(colour) && plot.data[0].length < 2, size: 5 },
    }))],
    hooks: { draw: [ticks(get), line] },
  };
  const plot = new uPlot(options, [[], ...series.map(() => [])], place);
  plot.over.addEventListener("click", () => {
    const at = plot.cursor.idx;
    if (at !== null && at !== undefined) onPick(plot.data[0][at]);
  });
  new ResizeObserver(() => {
    const [width, height] = [place.clientWidth, place.clientHeight];
    if (width > 40 && height > 40) plot.setSize({ width, height });
  }).observe(place);
  onScheme(() => plot.redraw());
  return { set: (data) => plot.setData(data), move: () => line(plot) };
}

/** An axis label, with as many decimals as the steps between the labels need. */
function short(value, all) {
  const step = all.length > 1 ? all[1] - all[0] : value;
  const decimals = Math.min(Math.max(0, -Math.floor(Math.log10(Math.abs(step) || 1))), 4);
  return Math.abs(value) >= 10000 ? number(value, 2) : value.toFixed(decimals).replace("-", "−");
}
