// Tables that are drawn as bars on the page, as figures of their own: axis, labels, values.

import { max, min } from "d3-array";
import { axisBottom } from "d3-axis";
import { scaleBand, scaleLinear } from "d3-scale";
import { create } from "d3-selection";

export interface Bar {
  label: string;
  value: number;
  /** The value as the page writes it. */
  text: string;
  color: string;
  /** Where the bar begins; 0 unless bars follow one another. */
  from: number;
}

export interface Colors {
  ink: string;
  soft: string;
  line: string;
  surface: string;
  font: string;
}

const WIDTH = 640;
const ROW = 30;
const TOP = 44;
const LABEL = 210;
const VALUE = 76;

/** Bars that begin where the one above ended, and a last one from 0 to the total. */
export function waterfall(bars: readonly Omit<Bar, "from">[], total: Omit<Bar, "from">): Bar[] {
  let reached = 0;
  const steps = bars.map((bar) => {
    const from = reached;
    reached += bar.value;
    return { ...bar, from };
  });
  return [...steps, { ...total, from: 0 }];
}

/** A chart of horizontal bars as a figure that stands alone. */
export function barChart(title: string, axis: string, bars: readonly Bar[], colors: Colors): SVGSVGElement {
  const height = TOP + ROW * bars.length + 52;
  const ends = bars.flatMap(({ from, value }) => [from, from + value]);
  const x = scaleLinear([Math.min(0, min(ends) ?? 0), Math.max(0, max(ends) ?? 1)], [LABEL, WIDTH - VALUE]).nice(5);
  const y = scaleBand(bars.map((_, row) => row), [TOP, TOP + ROW * bars.length]).padding(0.25);
  const svg = create("svg")
    .attr("xmlns", "http://www.w3.org/2000/svg")
    .attr("viewBox", `0 0 ${WIDTH} ${height}`)
    .attr("width", WIDTH)
    .attr("height", height)
    .attr("font-family", colors.font)
    .attr("font-size", 13)
    .attr("fill", colors.ink);
  svg.append("rect").attr("width", WIDTH).attr("height", height).attr("fill", colors.surface);
  svg.append("text").attr("x", 16).attr("y", 27).attr("font-size", 15).attr("font-weight", 650).text(title);
  const rows = svg.selectAll(null).data(bars).join("g");
  const middle = (row: number): number => (y(row) ?? 0) + y.bandwidth() / 2;
  rows
    .append("text")
    .attr("x", LABEL - 10)
    .attr("y", (_, row) => middle(row))
    .attr("dy", "0.35em")
    .attr("text-anchor", "end")
    .text(({ label }) => shortened(label));
  rows
    .append("rect")
    .attr("x", ({ from, value }) => x(Math.min(from, from + value)))
    .attr("width", ({ from, value }) => Math.abs(x(from + value) - x(from)))
    .attr("y", (_, row) => y(row) ?? 0)
    .attr("height", y.bandwidth())
    .attr("fill", ({ color }) => color);
  rows
    .append("text")
    .attr("x", WIDTH - 16)
    .attr("y", (_, row) => middle(row))
    .attr("dy", "0.35em")
    .attr("text-anchor", "end")
    .text(({ text }) => text);
  svg
    .append("line")
    .attr("x1", x(0))
    .attr("x2", x(0))
    .attr("y1", TOP)
    .attr("y2", TOP + ROW * bars.length)
    .attr("stroke", colors.line);
  svg
    .append("g")
    .attr("transform", `translate(0 ${TOP + ROW * bars.length + 4})`)
    .attr("color", colors.soft)
    .call(axisBottom(x).ticks(5).tickSizeOuter(0))
    .attr("font-family", colors.font)
    .attr("font-size", 12);
  svg
    .append("text")
    .attr("x", (LABEL + WIDTH - VALUE) / 2)
    .attr("y", height - 10)
    .attr("text-anchor", "middle")
    .attr("fill", colors.soft)
    .text(axis);
  return svg.node() as SVGSVGElement;
}

function shortened(label: string): string {
  return label.length > 28 ? `${label.slice(0, 27)}…` : label;
}
