// Cells of the kernel and the bias under a hand: type, arrow keys, or drag sideways.
import { changed, rethink, tell } from "./change.js";
import { filterOf, scaleOf, sizeOf } from "./model.js";
import { peakOf } from "../shared/colour.js";
import { shown, typed } from "../shared/number.js";

export function wireCells(lab) {
  const box = lab.parts.sum;
  const target = (event) => (event.target.matches?.(".weight, .bias") ? event.target : null);
  const read = (cell) => cell.matches(".bias") ? filterOf(lab).bias * scaleOf(lab) : entry(cell).row[entry(cell).column];
  const entry = (cell) => {
    const k = sizeOf(lab), at = Number(cell.dataset.cell), i = lab.s.flip ? k * k - 1 - at : at; // the grid is as it slides
    return { row: filterOf(lab).weights[cell.dataset.channel][Math.floor(i / k)], column: i % k };
  };
  const write = (cell, value, done) =>
    changed(lab, () => {
      if (cell.matches(".bias")) filterOf(lab).bias = Math.fround(value / scaleOf(lab));
      else entry(cell).row[entry(cell).column] = value, (filterOf(lab).name = "Your own kernel");
      if (done || cell !== cell.getRootNode().activeElement) cell.value = shown(value);
    }, done);
  const grain = (cell) => {
    const most = cell.matches(".bias") ? lab.s.unit : peakOf(filterOf(lab).weights.flat(2));
    return cell.matches(".bias") ? (lab.s.unit === 1 ? 0.02 : 5) : most >= 1 ? 0.25 : Number((most / 10).toPrecision(1));
  };
  let drag = null;
  box.addEventListener("pointerdown", (event) => {
    const cell = target(event);
    if (cell && !cell.disabled && cell !== cell.getRootNode().activeElement)
      drag = { cell, x: event.clientX, from: read(cell), id: event.pointerId, moved: false };
  });
  box.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const away = event.clientX - drag.x;
    if (!drag.moved && Math.abs(away) < 4) return;
    if (!drag.moved) (drag.moved = true), drag.cell.setPointerCapture(drag.id), drag.cell.blur();
    const g = grain(drag.cell);
    write(drag.cell, Math.fround(Number((drag.from + Math.round(away / 6) * g).toFixed(6))), false);
  });
  const drop = () => {
    if (drag?.moved) write(drag.cell, read(drag.cell), true), drag.cell.blur();
    drag = null;
  };
  box.addEventListener("pointerup", drop);
  box.addEventListener("pointercancel", drop);
  box.addEventListener("focusin", (event) => {
    const cell = target(event);
    if (cell && !drag) (cell.value = String(Number(read(cell).toPrecision(6)))), cell.select();
  });
  box.addEventListener("input", (event) => {
    const cell = target(event), value = cell && typed(cell.value);
    if (cell) cell.classList.toggle("wrong", value === null);
    if (cell && value !== null) write(cell, value, false);
  });
  box.addEventListener("focusout", (event) => {
    const cell = target(event);
    if (!cell || drag?.moved) return; // a drag has its own end
    cell.classList.remove("wrong");
    cell.value = shown(read(cell));
    rethink(lab);
    tell(lab);
  });
  box.addEventListener("keydown", (event) => {
    const cell = target(event), way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (cell && event.key === "Enter") cell.blur();
    if (!cell || !way) return;
    write(cell, Math.fround(Number((read(cell) + way * grain(cell) * (event.shiftKey ? 4 : 1)).toFixed(6))), true);
    cell.value = String(Number(read(cell).toPrecision(6)));
    event.preventDefault();
  });
}
